"""Effects to httpx and back. The only module of the client that knows httpx; both drivers use it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

from invoke_once.client.core.effects import Call, Lost, Reply
from invoke_once.errors import ConfigurationError

Client = TypeVar("Client", httpx.Client, httpx.AsyncClient)

CONNECT_S = 10.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_PROXIES = frozenset({"all_proxy", "http_proxy", "https_proxy"})
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")


def client(kind: Callable[..., Client], transport: object | None) -> Client:
    """An httpx client. Raises ConfigurationError where the environment names a proxy or a certificate file that
    cannot be used; its values may hold a password, so that only the names are said.
    """
    try:
        return kind(**_options(transport))
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        if isinstance(error, OSError):
            names, why = [*_CERTIFICATES], error.strerror or "it holds no certificates"
        else:
            names = [name for name in os.environ if name.lower() in _PROXIES and os.environ[name]]
            why = "SOCKS needs the package socksio" if isinstance(error, ImportError) else "it cannot be used"
        named = " or ".join(names)
        raise ConfigurationError(f"cannot connect as the environment says: look at {named or 'it'} ({why})") from None


def _options(transport: object | None) -> dict[str, Any]:
    """What both kinds of httpx client are made with: no redirects, no proxy on the way to this machine."""
    if transport is not None:
        return {"transport": transport, "follow_redirects": False}
    return {"follow_redirects": False, "mounts": dict.fromkeys(_LOOPBACK)}


def request(client: httpx.Client | httpx.AsyncClient, call: Call) -> httpx.Request:
    """The call as a request. Raises httpx.InvalidURL for a URL that cannot be one."""
    connect_s = min(CONNECT_S, call.read_timeout_s)
    timeout = httpx.Timeout(call.read_timeout_s, connect=connect_s)
    return client.build_request(call.method, call.url, headers=dict(call.headers), content=call.body, timeout=timeout)


def reply(response: httpx.Response) -> Reply:
    """A response that was read to its end."""
    headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, response.content, str(response.request.url))


def lost(error: Exception) -> Lost:
    """What an httpx error means: surely not sent, perhaps sent, or never going to work."""
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return Lost(str(error), sent=False, final=True)
    return Lost(_reason(error), sent=not isinstance(error, _NEVER_SENT), final=_is_certificate(error))


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it took too long to connect" if isinstance(error, httpx.ConnectTimeout) else "it took too long"
    return str(error) or type(error).__name__


def _is_certificate(error: BaseException | None) -> bool:
    """True when the peer's certificate was refused: it will be refused again."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


FAILURES = (httpx.RequestError, httpx.InvalidURL)
