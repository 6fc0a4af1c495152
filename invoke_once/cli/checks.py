"""What `once doctor` looks at, one finding after the other. Pure but for the client that is given."""

from __future__ import annotations

import email.utils
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from invoke_once.cli import exits
from invoke_once.client_errors import Forbidden, NotFound, ServiceUnreachable, Unauthorized
from invoke_once.errors import InvokeOnceError

if TYPE_CHECKING:
    from invoke_once.client import Once
    from invoke_once.client.core.flows import Health
    from invoke_once.client.profile import Profile

_SKEW_WARN_S, _SKEW_WRONG_S = 30, 240  # a callback's signature is good for 300 s
_GOOD = frozenset({"ok", "healthy", "up", "pass", "true"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ok, warning or wrong, what to do about it, and the exit code it asks for."""

    name: str
    state: str
    text: str
    fix: str = ""
    code: int = exits.OK


def ok(name: str, text: str) -> Finding:
    return Finding(name, "ok", text)


def warning(name: str, text: str, fix: str) -> Finding:
    return Finding(name, "warning", text, fix)


def wrong(name: str, text: str, fix: str, code: int = exits.USAGE) -> Finding:
    return Finding(name, "wrong", text, fix, code)


def of_settings(found: Profile, private: bool, config: str) -> Iterator[Finding]:
    """Where the URL and the token come from, and whether the token is kept and sent safely."""
    yield ok("url", f"{found.url} (from {found.source})")
    if not private:
        yield warning("config", f"others can read {config}", f"chmod 600 {config}")
    parts = urlsplit(found.url)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        yield warning("url", "the token travels unencrypted", "use the https:// URL")


def of_service(once: Once, now_s: float, version: str) -> Iterator[Finding]:
    """The service: reachable, healthy, on time, of a version we know. Ends where nothing more can be known."""
    try:
        health = once.health()
    except ServiceUnreachable as error:
        yield wrong("service", str(error), _reach(str(error)), exits.UNREACHABLE)
        return
    except InvokeOnceError as error:
        yield wrong("service", str(error), "check the URL: `make up` and the deploy print it", exits.UNREACHABLE)
        return
    yield ok("service", "answers")
    yield from of_health(health)
    yield from of_clock(health.date, now_s)
    try:
        yield from of_version(once.version(), version)
    except InvokeOnceError as error:
        yield warning("version", f"the service does not say which it is: {error}", "update the service")


def of_health(health: Health) -> Iterator[Finding]:
    """One finding for each part of the service that is not well, or one for all of them."""
    parts = health.data.get("parts") or health.data.get("checks") or {}
    ill = {name: part for name, part in parts.items() if not _is_well(part)} if isinstance(parts, Mapping) else {}
    for name, part in ill.items():
        yield wrong(f"health: {name}", _said(part), "look at the service's logs and alarms", exits.FAILED)
    if ill:
        return
    if health.ok:
        yield ok("health", ", ".join(parts) or "well")
    else:
        yield wrong("health", "the service says that it is not well", "look at its logs and alarms", exits.FAILED)


def of_clock(date: str | None, now_s: float) -> Iterator[Finding]:
    """This machine's clock against the service's."""
    try:
        skew_s = now_s - email.utils.parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError):
        return
    text = f"this machine is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the service"
    if abs(skew_s) >= _SKEW_WRONG_S:
        yield wrong("clock", text, "set this machine's clock (NTP): callbacks would not verify", exits.FAILED)
    elif abs(skew_s) >= _SKEW_WARN_S:
        yield warning("clock", text, "set this machine's clock (NTP)")
    else:
        yield ok("clock", "agrees with the service's")


def of_version(service: str, package: str) -> Iterator[Finding]:
    """The service's version against this package's: releases that share their first two numbers fit together."""
    text = f"the service is {service or 'of an unknown version'}, this package {package}"
    if service.split(".")[:2] == package.split(".")[:2]:
        yield ok("version", text)
    else:
        yield warning("version", text, "install the package that came with the service")


def of_token(once: Once, token: str) -> Iterator[Finding]:
    """Whether the service takes the token."""
    if not token:
        yield wrong("token", "there is none", "set ONCE_TOKEN, or run `once configure`")
        return
    try:
        number = len(once.functions())
    except Unauthorized as error:
        yield wrong("token", str(error), "it is wrong, expired or revoked: get a new one, then `once configure`")
    except Forbidden as error:
        yield warning("token", str(error), "ask for a token with the scope runs:read")
    except (ServiceUnreachable, NotFound) as error:
        yield wrong("token", str(error), "the service fails: look at its logs", exits.UNREACHABLE)
    except InvokeOnceError as error:
        yield wrong("token", str(error), "check the URL and the token", exits.of_error(error))
    else:
        yield ok("token", f"valid; {number} functions can be run")


def _is_well(part: Any) -> bool:
    state = part.get("status", part.get("ok")) if isinstance(part, Mapping) else part
    return str(state).lower() in _GOOD


def _said(part: Any) -> str:
    return str(part.get("detail") or part.get("status") or part) if isinstance(part, Mapping) else str(part)


def _reach(reason: str) -> str:
    """What to do about a service that does not answer, by what the network said."""
    low = reason.lower()
    if "refused" in low:
        return "nothing listens there: start the service (`make up`), or correct the URL's host and port"
    if "name" in low or "resolve" in low or "nodename" in low or "getaddrinfo" in low:
        return "the host's name is not known: correct the URL, or check the network"
    if "certificate" in low:
        return "its certificate is not trusted: correct the URL, or set SSL_CERT_FILE to your authority's"
    return "check the network, a proxy (HTTPS_PROXY), a firewall, and the URL"
