"""Which callback URLs may be called: nothing that points into our own network.

    check_url  at POST: the text. Literal addresses and internal names are refused with a reason; a name is
               accepted as it is, even if it does not resolve yet.
    resolve    at delivery: the name's addresses, all of which must be public. The caller connects to one of
               these and never resolves again, so an answer that changes in between (DNS rebinding) is no use.

Public means: an IPv4 address out of every special-purpose block, or an IPv6 address in 2000::/3 that embeds
no IPv4 address. `local=True` (a developer's machine) also allows http, any port, and loopback addresses.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Collection
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from msgspec import Struct

from invoke_once.errors import InvokeOnceError

MAX_CHARACTERS: Final = 2048
PORTS: Final = (443, 8443)
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], list[str]]

_FORBIDDEN_CHARACTERS: Final = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff\u2028\u2029\u00a0]")
_ENCODED_LINE_END: Final = re.compile(r"%(0a|0d|00)", re.IGNORECASE)
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_\-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INTERNAL_SUFFIXES: Final = (
    ".localhost", ".internal", ".local", ".arpa", ".intranet", ".private", ".corp", ".home", ".lan",
)  # fmt: skip

# Our own tables (IANA, "IPv4 and IPv6 Special-Purpose Address Registries"): what `is_global`, `is_private` and
# `is_loopback` of the standard library say of an address depends on the Python that is asked.
_LOOPBACK_V4: Final = ipaddress.ip_network("127.0.0.0/8")
_LOOPBACK_V6: Final = ipaddress.ip_address("::1")
_NOT_PUBLIC_V4: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host agent
        "169.254.0.0/16",  # link-local; metadata services, ECS credentials
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_GLOBAL_V6: Final = ipaddress.ip_network("2000::/3")
_NOT_PUBLIC_V6: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "2001::/23",  # protocol assignments; Teredo, which embeds IPv4 addresses
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds IPv4 addresses
        "3fff::/20",  # documentation
    )
)


class UrlRefused(InvokeOnceError):
    """This callback URL is not called. The message says why, in words for whoever gave the URL."""


class CallbackUrl(Struct, frozen=True):
    """A URL that passed. `host`: ASCII, lower case, no brackets. `target`: the path with its query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What goes into the Host header: the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The one receiver behind this URL: who fails and who is spared is counted by it."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.origin + self.target


def check_url(url: object, *, local: bool = False, own_hosts: Collection[str] = ()) -> CallbackUrl:
    """The URL in its normal form, or UrlRefused. Nothing is resolved.

    `own_hosts`: this service's own names, as `host` or `host:port`; a callback to oneself would be a loop.
    """
    parts = _split(_text(url))
    if parts.scheme not in (_DEFAULT_PORTS if local else ("https",)):
        raise UrlRefused("must begin with https://")
    if "@" in parts.netloc:
        raise UrlRefused("must not carry a user name or a password")
    if "#" in str(url):
        raise UrlRefused("must not carry a fragment (#)")
    port = _port(parts, local)
    host = _host(parts, local)
    if host in own_hosts or f"{host}:{port}" in own_hosts:
        raise UrlRefused("points back at this service")
    return CallbackUrl(parts.scheme, host, port, _target(parts))


def system_resolver(host: str, port: int) -> list[str]:
    """Every address of a name, by the system's resolver. Raises OSError (socket.gaierror)."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port)]


def resolve(url: CallbackUrl, *, local: bool = False, resolver: Resolver = system_resolver) -> list[str]:
    """The addresses to connect to. UrlRefused if a single one is not public; OSError if the name is unknown.

    The reason does not name the address: a callback must not be a way to read our network's names.
    """
    literal = _literal(url.host)
    found = [str(literal)] if literal else resolver(url.host, url.port)
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
    if not all(is_allowed(address, local=local) for address in found):
        raise UrlRefused("the name resolves to an address that is not public")
    return list(dict.fromkeys(found))


def is_allowed(address: str, *, local: bool = False) -> bool:
    """True for a public address; under the local setting also for a loopback one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if local and (ip == _LOOPBACK_V6 or ip in _LOOPBACK_V4):
        return True
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in block for block in _NOT_PUBLIC_V4)
    return ip in _GLOBAL_V6 and ip.scope_id is None and not any(ip in block for block in _NOT_PUBLIC_V6)


def _text(url: object) -> str:
    if not isinstance(url, str):
        raise UrlRefused("must be a string")
    if not url:
        raise UrlRefused("must not be empty")
    if len(url) > MAX_CHARACTERS:
        raise UrlRefused(f"must not be longer than {MAX_CHARACTERS} characters")
    if _FORBIDDEN_CHARACTERS.search(url) or _ENCODED_LINE_END.search(url):
        raise UrlRefused("must not hold a space, a backslash, a line end or a control character")
    return url


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        raise UrlRefused("is not a URL") from None


def _port(parts: SplitResult, local: bool) -> int:
    try:
        port = parts.port
    except ValueError:
        raise UrlRefused("has a port that is not a number up to 65535") from None
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if port == 0 or (not local and port not in PORTS):
        raise UrlRefused(f"must use port {' or '.join(map(str, PORTS))}")
    return port


def _host(parts: SplitResult, local: bool) -> str:
    """The host in ASCII: a public address in its usual form, or a name that is not known to be internal."""
    host = _ascii((parts.hostname or "").lower()).removesuffix(".")
    if not host:
        raise UrlRefused("has no host")
    if local and host == "localhost":
        return host
    literal = _literal(host)
    if literal is not None:
        if not is_allowed(host, local=local):
            raise UrlRefused("must not point at an address that is not public")
        return str(literal)
    if "[" in parts.netloc or not _is_name(host):
        raise UrlRefused("has a host that is neither a full name nor an address in its usual form")
    if host.endswith(_INTERNAL_SUFFIXES):
        raise UrlRefused("must not point at an internal name")
    return host


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    """A name with a dot. One that ends in a number is an address to some resolvers: `127.1`, `0x7f.1`."""
    labels = host.split(".")
    well_formed = len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    return well_formed and len(labels) > 1 and not _NUMERIC_LABEL.fullmatch(labels[-1])


def _ascii(host: str) -> str:
    """The name as it is looked up (`bücher.example` is `xn--bcher-kva.example`).

    Letters that another reader would fold into something else (circled or wide digits, dots of other
    scripts, `ß`) are refused: the two of us must mean the same host.
    """
    if host.isascii():
        return host
    try:
        encoded = host.encode("idna")
        same = encoded.decode("idna") == host
    except UnicodeError:
        same = False
    if not same:
        raise UrlRefused("has a host that is not a plain name; write it in its ASCII form (xn--…)")
    return encoded.decode()


def _target(parts: SplitResult) -> str:
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    return re.sub(r"[^\x21-\x7e]+", lambda found: quote(found[0]), target)
