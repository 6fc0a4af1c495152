"""The service's requests as Calls. Pure: no clock, no chance but a fresh idempotency key."""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from invoke_once.client.core.effects import Call
from invoke_once.errors import ConfigurationError, InvokeOnceError, NotSerializable
from invoke_once.version import __version__

START_HOLD_S = 20  # the longest that `start(wait=…)` asks for, well under a gateway's 29 s
WATCH_HOLD_S = 5  # a wait asks to be held this long at its beginning, where a quick run ends; then it polls
MARGIN_S = 10.0  # what a held request may take on top of it
_ID = re.compile(r"[A-Za-z0-9_\-]{1,128}")
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,1024}")


@dataclass(frozen=True, slots=True)
class JsonText:
    """An input that is JSON text already. It is sent as it stands: no number in it is read and written anew."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Which service, as whom: the base URL (no trailing slash), the token, a plain call's read timeout."""

    url: str
    token: str = field(repr=False)
    timeout_s: float = 30.0
    agent: str = f"invoke-once/{__version__} python/{sys.version_info[0]}.{sys.version_info[1]}"

    def __post_init__(self) -> None:
        if not _is_base(self.url):
            raise ConfigurationError(f"not a service URL: {self.url!r} (http:// or https://, a host, maybe a path)")
        if self.token and not _TOKEN.fullmatch(self.token):
            raise ConfigurationError("the token holds characters that no token has; copy it again")

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        hold_s: int = 0,
    ) -> Call:
        """One authorized call. `hold_s` asks the service to hold it (`Prefer: wait`): it may take longer."""
        named = {"Accept": "application/json", "User-Agent": self.agent, **(headers or {})}
        if self.token:
            named["Authorization"] = f"Bearer {self.token}"
        if hold_s:
            named["Prefer"] = f"wait={hold_s}"
        content = None
        if body is not None:
            content, named["Content-Type"] = encode(body), "application/json"
        timeout_s = max(self.timeout_s, hold_s + MARGIN_S) if hold_s else self.timeout_s
        return Call(method, f"{self.url}{path}{_query(query)}", named, content, timeout_s)


@dataclass(frozen=True, slots=True)
class Start:
    """A start request. Its key is settled before anything is sent, so that every try asks for one run."""

    function: str
    input: Any = None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    options: Mapping[str, Any] = field(default_factory=dict)
    hold_s: int = 0

    def call(self, target: Target) -> Call:
        """`POST /runs`. An absent input and options that are None are left out."""
        body = {"function": self.function, "input": self.input, **self.options}
        body = {name: value for name, value in body.items() if value is not None}
        headers = {"Idempotency-Key": quoted(self.key)}
        return target.call("POST", "/runs", body=body, headers=headers, hold_s=self.hold_s)


def run_path(run_id: str, rest: str = "") -> str:
    """`/runs/{id}…`, `/batches/{id}…`, `/bulk/{id}…`. Raises InvokeOnceError for what cannot be an id."""
    room = {"batch": "batches", "bulk": "bulk"}.get(run_id.partition("_")[0], "runs")
    return f"/{room}/{name_in_path(run_id, 'run id')}{rest}"


def name_in_path(name: str, what: str) -> str:
    if not _ID.fullmatch(name):
        raise InvokeOnceError(f"not a {what}: {name!r}")
    return quote(name, safe="")


def quoted(key: str) -> str:
    """A key as a structured-field string. Raises InvokeOnceError for what a header cannot carry."""
    if not _KEY.fullmatch(key):
        raise InvokeOnceError("an idempotency key is 1 to 255 visible ASCII characters")
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def encode(value: object) -> bytes:
    """JSON in UTF-8. Raises NotSerializable for what JSON cannot carry: NaN, sets, dates, lone surrogates."""
    try:
        if isinstance(value, dict):  # a request's body, whose members may be JSON text already
            return ("{" + ",".join(f"{_text(name)}:{_text(member)}" for name, member in value.items()) + "}").encode()
        return _text(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotSerializable(f"not JSON: {error}") from None


def _text(value: object) -> str:
    if isinstance(value, JsonText):
        return value.text
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def is_web_address(url: str) -> bool:
    """True for http or https and a host, with no space or control in it."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and all(char.isprintable() and not char.isspace() for char in url)
        )
    except ValueError:  # a port that is no number, half a bracket
        return False


def _is_base(url: str) -> bool:
    """True for what every path can be put behind: a web address without a query."""
    if not is_web_address(url):
        return False
    parts = urlsplit(url)
    return not (parts.query or parts.fragment)


def moment(value: datetime | str | None) -> str | None:
    """A time for a filter, RFC 3339 in UTC; text passes as it is. A naive datetime is local time."""
    if not isinstance(value, datetime):
        return value
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _query(query: Mapping[str, Any] | None) -> str:
    """`?a=1&b=2` of what is not None; a list gives its name several times."""
    given = {name: value for name, value in (query or {}).items() if value is not None}
    try:
        return f"?{urlencode(given, doseq=True)}" if given else ""
    except UnicodeEncodeError:
        raise InvokeOnceError("a filter holds bytes that are not UTF-8") from None
