"""The files of the dashboard and of the /docs page, and the headers they are served with.

`page("index")` and `page("docs")` are HTML; `asset("app.js")` is anything that they load. Every URL inside is
relative to the page, so that a path prefix (a stage, a base path mapping) needs no configuration.

The files lie in a folder a view (`runs/`, `run/`, `start/` ...), beside `common/` and `frame/`. An address is a
name alone, since a route of API Gateway ends at a slash: so names are unique over all folders, and a script
imports another as `./name.js` whatever folder it lies in.

Nothing here is templated: a file's bytes are its answer, its hash is its ETag, and a browser that revalidates
gets 304. What can be asked for is a dict of the files in those folders, so that no path can leave it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

_HERE = Path(__file__).parent
_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}

#: Scripts, styles and calls from this origin only; no inline code, no eval, no HTML made from strings
#: (Trusted Types), no frame around the page, no form that leaves it.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

#: Sent with every page and asset.
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-cache",
}


class Asset(Struct, frozen=True):
    """One file as it is served: its text, its media type and its strong ETag (quoted)."""

    text: str
    content_type: str
    etag: str

    @property
    def headers(self) -> dict[str, str]:
        return HEADERS | {"Content-Type": self.content_type, "ETag": self.etag}

    def matches(self, if_none_match: str | None) -> bool:
        """The browser has these very bytes: answer 304 with `headers` and no body."""
        sent = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
        return self.etag in sent or "*" in sent


def page(name: str) -> Asset:
    """The page `index` or `docs`."""
    return _read(f"{name}.html")


def asset(name: str) -> Asset | None:
    """What a page loads, or None where there is no such file."""
    return _read(name) if name in files() and not name.endswith(".html") else None


@lru_cache(maxsize=1)
def files() -> dict[str, Path]:
    """Every file that is served, by its name."""
    return {path.name: path for path in _HERE.glob("*/*.*") if path.suffix[1:] in _TYPES}


def slash_redirect(path: str) -> str | None:
    """Where to send a browser that asked for the home page without its final slash, else None.

    `path` is the path in the request's line as the gateway saw it (`requestContext.path`), `/api` for one. The
    answer is a relative reference: it holds behind any prefix that the gateway does not tell us about.
    """
    return None if path.endswith("/") else path.rsplit("/", 1)[-1] + "/"


@lru_cache(maxsize=64)
def _read(name: str) -> Asset:
    data = files()[name].read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:20]
    return Asset(data.decode("utf-8"), _TYPES[name.rsplit(".", 1)[-1]], f'"{digest}"')
