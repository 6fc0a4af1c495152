"""Callback URLs: what is refused when a run is started, and what is refused once the name is resolved."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.callbacks.urls import CallbackUrl, UrlRefused, check_url, is_allowed, resolve

NOT_A_URL = [
    "",
    None,
    5,
    [],
    {},
    b"https://example.com/",
    "https://",
    "https:///x",
    "https:h/x",
    "h.example/x",
    "/x",
]
SCHEMES = [
    "http://ok.example/",
    "//example.com/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1/_x",
    "ftp://example.com/x",
]
SCHEMES += [
    "data:text/plain,x",
    "jar:https://h.example!/",
    "javascript:alert(1)",
    "HTTP://ok.example/",
    "wss://h.example/",
]
CHARACTERS = [
    "https://exa mple.com/",
    "https://h.example\r\nX: y/",
    "https://h.example/\x00",
    "https://h\t.example/",
]
CHARACTERS += [
    " https://h.example/",
    "https://h.example/\n",
    "https://h.example/%0d%0aX:y",
    "https://h.example/?a=%0A",
]
CHARACTERS += ["https://h.example/\ud800", "https://good.com\\@127.0.0.1/", "https://h.example/" + "a" * 2031]
USERS = ["https://good.com@127.0.0.1/", "https://user:pw@example.com/", "https://@h.example/"]
USERS += [
    "https://1.1.1.1 &@2.2.2.2# @3.3.3.3/",
    "https://127.0.0.1#@good.com/",
    "https://h.example/#x",
    "https://h.example/#",
]
PORTS = [
    "https://h.example:22/",
    "https://h.example:0/",
    "https://example.com:99999/",
    "https://h.example:443:80/",
]
PORTS += [
    "https://h.example:80/",
    "https://h.example:-1/",
    "https://h.example:x/",
    "https://h.example:４４３/",
]
IPV4 = ["127.0.0.1", "0.0.0.0", "169.254.169.254", "169.254.170.2", "10.0.0.1", "172.16.0.1", "192.168.0.1"]
IPV4 += [
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
]
IPV4 += ["255.255.255.255", "240.0.0.1", "168.63.129.16", "203.0.113.9", "127.0.0.1."]
ODD_IPV4 = [
    "127.1",
    "2130706433",
    "2852039166",
    "0x7f000001",
    "0xa9fea9fe",
    "0177.0.0.1",
    "0",
    "0x7f.1",
    "134744072",
]
ODD_IPV4 += [
    "8.8.8.08",
    "1.2.3.4.5",
    "1.2.3.256",
    "%31%32%37.0.0.1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "１２７.0.0.1",
]
IPV6 = [
    "::1",
    "::",
    "::ffff:169.254.169.254",
    "::ffff:7f00:1",
    "::ffff:8.8.8.8",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
]
IPV6 += [
    "64:ff9b:1::1",
    "2002:a9fe:a9fe::",
    "2001:0:4136:e378::",
    "fd00:ec2::254",
    "fd00::1",
    "fe80::1",
    "fe80::1%25eth0",
]
IPV6 += [
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "ff02::1",
    "2001:db8::1",
    "fec0::1",
    "5f00::1",
    "8.8.8.8",
    "example.com",
    "",
]
NAMES = ["localhost", "localhost.", "LOCALHOST", "x.localhost", "a.internal", "metadata.google.internal."]
NAMES += [
    "printer.local",
    "1.0.0.127.in-addr.arpa",
    "router.home",
    "git.corp",
    "intranet",
    "a..example",
    ".example",
]
NAMES += [
    "-a.example",
    "a" * 64 + ".example",
    "a.example" + ".a" * 130,
    "straße.de",
    "ab\u200dc.example",
    "exa*mple.com",
]

REFUSED = [*NOT_A_URL, *SCHEMES, *CHARACTERS, *USERS, *PORTS]
REFUSED += [f"https://{host}/latest/meta-data/" for host in [*IPV4, *ODD_IPV4, *NAMES]]
REFUSED += [f"https://[{host}]/" for host in IPV6]

ACCEPTED = {
    "https://example.com/hook": "https://example.com/hook",
    "https://example.com": "https://example.com/",
    "https://example.com:443/": "https://example.com/",
    "HTTPS://Example.COM./Hook": "https://example.com/Hook",
    "https://h.example:8443/x?y=1": "https://h.example:8443/x?y=1",
    "https://bücher.example/": "https://xn--bcher-kva.example/",
    "https://BÜCHER.example/ä?ö=1": "https://xn--bcher-kva.example/%C3%A4?%C3%B6=1",
    "https://8.8.8.8/": "https://8.8.8.8/",
    "https://[2606:4700:4700::1111]:8443/": "https://[2606:4700:4700::1111]:8443/",
    "https://not-registered-yet.example/": "https://not-registered-yet.example/",
    "https://a_b.c-d.example/?x=%20&next=http://127.0.0.1/": "https://a_b.c-d.example/?x=%20&next=http://127.0.0.1/",
}


# What the local setting alone allows: http, any port, and this machine by its usual names.
AT_HOME = ["http://ok.example/", "HTTP://ok.example/", "https://h.example:22/", "https://h.example:80/"]
AT_HOME += [
    f"https://{host}/latest/meta-data/" for host in ("127.0.0.1", "127.0.0.1.", "localhost", "localhost.", "LOCALHOST")
]
AT_HOME += ["https://[::1]/"]


@pytest.mark.parametrize("url", REFUSED, ids=repr)
def test_is_refused_with_a_reason(url: object) -> None:
    with pytest.raises(UrlRefused) as refused:
        check_url(url)
    assert str(refused.value).startswith(("must ", "is not ", "has "))


@pytest.mark.parametrize("url", [u for u in REFUSED if u not in AT_HOME], ids=repr)
def test_is_refused_at_home_too(url: object) -> None:
    with pytest.raises(UrlRefused):
        check_url(url, local=True)


@pytest.mark.parametrize("url", AT_HOME)
def test_is_allowed_at_home_alone(url: str) -> None:
    assert url in REFUSED
    assert check_url(url, local=True)


@pytest.mark.parametrize(("url", "normal"), ACCEPTED.items())
def test_is_accepted_in_its_normal_form(url: str, normal: str) -> None:
    assert str(check_url(url)) == normal
    assert check_url(normal) == check_url(url)


def test_a_developer_may_be_called_on_loopback_at_any_port() -> None:
    url = check_url("http://127.0.0.1:51234/hook", local=True)
    assert (url.host, url.port, url.target, url.authority) == ("127.0.0.1", 51234, "/hook", "127.0.0.1:51234")
    assert check_url("http://[::1]:5/", local=True).authority == "[::1]:5"
    assert resolve(url, local=True) == ["127.0.0.1"]


@pytest.mark.parametrize("own", ["api.example", "api.example:443"])
def test_a_callback_to_this_service_itself_is_refused(own: str) -> None:
    with pytest.raises(UrlRefused, match="this service"):
        check_url("https://API.example./runs", own_hosts={own})
    assert check_url("https://other.example/", own_hosts={own})


def test_at_home_a_receiver_beside_this_service_on_another_port_is_fine() -> None:
    assert check_url("http://127.0.0.1:5000/", local=True, own_hosts={"127.0.0.1:4711"})
    with pytest.raises(UrlRefused, match="this service"):
        check_url("http://127.0.0.1:4711/", local=True, own_hosts={"127.0.0.1:4711"})


@given(st.text() | st.text().map("https://{}".format) | st.text().map("https://h.example/{}".format))
def test_any_text_is_either_refused_or_safe_to_put_on_the_wire(text: str) -> None:
    try:
        url = check_url(text)
    except UrlRefused:
        return
    assert url.scheme == "https" and url.port in (443, 8443)
    assert str(url).isascii() and not any(c <= " " or c == "\x7f" for c in str(url))
    assert check_url(str(url)) == url


@given(st.ip_addresses())
def test_whatever_the_standard_library_calls_private_is_never_allowed(ip: ipaddress.IPv4Address) -> None:
    if not ip.is_global or ip.is_private or ip.is_link_local or ip.is_loopback or ip.is_multicast or ip.is_reserved:
        assert not is_allowed(str(ip))


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "::{}", "64:ff9b::{}", "64:ff9b:1::{}"]))
def test_no_ipv6_form_that_carries_an_ipv4_address_is_allowed(ip: ipaddress.IPv4Address, form: str) -> None:
    assert not is_allowed(form.format(ip))
    digits = f"{int(ip):08x}"
    assert not is_allowed(f"2002:{digits[:4]}:{digits[4:]}::1")


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "99.255.255.255", "100.128.0.1", "2606:4700:4700::1111"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(address)


def url_of(host: str) -> CallbackUrl:
    return CallbackUrl("https", host, 443, "/")


def answers(*addresses: str):
    return lambda _host, _port: list(addresses)


@pytest.mark.parametrize("address", [*IPV4[:-1], *IPV6[:-3], "not an address"])
def test_a_name_that_resolves_inside_is_refused_at_delivery(address: str) -> None:
    with pytest.raises(UrlRefused, match="not public") as refused:
        resolve(url_of("h.example"), resolver=answers(address))
    assert address not in str(refused.value)


@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "10.0.0.1", "fd00::1"])
def test_one_inner_address_among_public_ones_is_enough_to_refuse(inside: str) -> None:
    for found in (("8.8.8.8", inside), (inside, "8.8.8.8"), ("8.8.8.8", "2606:4700::1", inside)):
        with pytest.raises(UrlRefused):
            resolve(url_of("h.example"), resolver=answers(*found))


def test_all_public_addresses_are_given_once_in_the_resolvers_order() -> None:
    found = answers("2606:4700::1", "8.8.8.8", "2606:4700::1")
    assert resolve(url_of("h.example"), resolver=found) == ["2606:4700::1", "8.8.8.8"]


def test_a_literal_address_is_judged_again_at_delivery_and_never_resolved() -> None:
    def never(_host: str, _port: int) -> list[str]:
        raise AssertionError("a literal address was resolved")

    assert resolve(url_of("8.8.8.8"), resolver=never) == ["8.8.8.8"]
    with pytest.raises(UrlRefused):
        resolve(url_of("169.254.169.254"), resolver=never)


def test_a_name_without_any_address_is_an_unknown_name() -> None:
    with pytest.raises(socket.gaierror):
        resolve(url_of("h.example"), resolver=answers())


def test_at_home_a_name_may_resolve_to_loopback_but_not_to_the_network() -> None:
    assert resolve(url_of("h.example"), local=True, resolver=answers("127.0.0.1", "::1")) == [
        "127.0.0.1",
        "::1",
    ]
    with pytest.raises(UrlRefused):
        resolve(url_of("h.example"), local=True, resolver=answers("169.254.169.254"))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (5, "must be a string"),
        ("", "must not be empty"),
        ("https://h.example/" + "a" * 2031, "must not be longer than 2048 characters"),
        ("https://h.example/ ", "must not hold a space"),
        ("https://[::1/", "is not a URL"),
        ("http://h.example/", "must begin with https://"),
        ("https://u@h.example/", "must not carry a user name"),
        ("https://h.example/#", "must not carry a fragment"),
        ("https://h.example:99999/", "has a port that is not a number"),
        ("https://h.example:22/", "must use port 443 or 8443"),
        ("https://own.example/", "points back at this service"),
        ("https://other.example:8443/", "points back at this service"),
        ("https:///x", "has no host"),
        ("https://10.0.0.1/", "must not point at an address that is not public"),
        ("https://h/", "has a host that is neither a full name nor an address"),
        ("https://h.internal/", "must not point at an internal name"),
        ("https://ß.example/", "has a host that is not a plain name"),
    ],
)
def test_a_refusal_says_which_rule_it_is(url: object, why: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        check_url(url, own_hosts=("own.example", "other.example:8443"))
    assert str(refused.value).startswith(why)


@pytest.mark.parametrize(("size", "taken"), [(253, True), (254, False)])
def test_a_name_has_253_characters_at_most(size: int, taken: bool) -> None:
    label = "a" * 60
    host = f"{'b' * (size - 4 * 61 - 3)}.{label}.{label}.{label}.{label}.de"
    assert len(host) == size
    if taken:
        assert check_url(f"https://{host}/").host == host
        return
    with pytest.raises(UrlRefused):
        check_url(f"https://{host}/")


@pytest.mark.parametrize(("size", "taken"), [(2_048, True), (2_049, False)])
def test_a_url_has_2048_characters_at_most(size: int, taken: bool) -> None:
    url = "https://h.example/" + "a" * (size - 18)
    if taken:
        assert str(check_url(url)) == url
        return
    with pytest.raises(UrlRefused):
        check_url(url)


BLOCKS = [
    ("0.0.0.0", "0.255.255.255"), ("10.0.0.0", "10.255.255.255"), ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"), ("168.63.129.16", "168.63.129.16"), ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"), ("192.0.0.0", "192.0.0.255"), ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"), ("192.168.0.0", "192.168.255.255"), ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"), ("203.0.113.0", "203.0.113.255"), ("224.0.0.0", "255.255.255.255"),
    ("::", "1fff:ffff::"), ("2001::", "2001:1ff:ffff::"), ("2001:db8::", "2001:db8:ffff::"),
    ("2002::", "2002:ffff::"), ("3fff::", "3fff:fff:ffff::"), ("4000::", "ffff::"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "last"), BLOCKS)
def test_a_block_is_refused_from_its_first_address_to_its_last(first: str, last: str) -> None:
    assert not is_allowed(first) and not is_allowed(last)


@pytest.mark.parametrize("address", ["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
                                     "126.255.255.255", "128.0.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
                                     "192.0.3.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:200::",
                                     "2001:db9::", "2003::", "3ffe::", "2a00::1"])  # fmt: skip
def test_beside_a_block_is_public(address: str) -> None:
    assert is_allowed(address)


@pytest.mark.parametrize("suffix", ["localhost", "internal", "local", "arpa", "intranet", "private", "corp", "home",
                                    "lan"])  # fmt: skip
def test_no_internal_name_is_called(suffix: str) -> None:
    with pytest.raises(UrlRefused, match="internal name"):
        check_url(f"https://h.{suffix}/")


def test_a_url_is_told_with_the_port_that_is_not_its_scheme_s_own() -> None:
    urls = ["https://h.example/", "https://h.example:8443/", "https://[2a00::1]:8443/x?y"]
    assert [str(check_url(url)) for url in urls] == urls
    assert str(check_url("http://h.example:80/", local=True)) == "http://h.example/"
    assert str(check_url("http://h.example:443/", local=True)) == "http://h.example:443/"


def test_each_address_of_a_name_is_tried_once() -> None:
    found = resolve(check_url("https://h.example/"), resolver=lambda host, port: ["8.8.8.8", "1.1.1.1", "8.8.8.8"])
    assert found == ["8.8.8.8", "1.1.1.1"]
