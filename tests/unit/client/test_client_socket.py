"""The clients over real sockets: connections that break, hang or never were."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from invoke_once import client_errors
from invoke_once.client import Once, RetryPolicy
from invoke_once.client.aio import AsyncOnce
from tests.once_fake import DROPPED, TOKEN, FakeOnce, serve

QUICK = RetryPolicy(max_tries=3, base_s=0.01, cap_s=0.02)


@pytest.fixture
def fake() -> FakeOnce:
    return FakeOnce()


@pytest.fixture
def url(fake: FakeOnce) -> Iterator[str]:
    with serve(fake) as address:
        yield address


@pytest.fixture
def silent() -> Iterator[str]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def nobody() -> str:
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_connection_that_breaks_costs_no_run_and_makes_no_second(fake: FakeOnce, url: str) -> None:
    fake.faults = [DROPPED]
    with Once(url, TOKEN, retry=QUICK) as once:
        assert once.start("echo", {"a": 1}).result(30) == {"a": 1}
    assert len(fake.runs) == 1


def test_the_awaiting_client_does_the_same(fake: FakeOnce, url: str) -> None:
    async def scenario() -> object:
        async with AsyncOnce(url, TOKEN, retry=QUICK) as once:
            runs = [await once.start("echo", n) for n in range(5)]
            return await asyncio.gather(*(run.result(30) for run in runs))

    fake.faults = [DROPPED]
    assert asyncio.run(scenario()) == [0, 1, 2, 3, 4]


def test_waiting_survives_a_restart_of_the_service(fake: FakeOnce) -> None:
    with serve(fake) as url, Once(url, TOKEN, retry=QUICK) as once:
        run = once.start("echo", {"a": 1})
    pauses = 0
    with ExitStack() as later:

        def sleep(_: float) -> None:
            nonlocal pauses
            pauses += 1
            if pauses == 3:
                later.enter_context(serve(fake, int(url.rpartition(":")[2])))

        with Once(url, TOKEN, retry=QUICK, sleep=sleep) as once:
            assert once.run(run.id).result(30) == {"a": 1}
    assert pauses >= 3


def test_a_service_that_never_answers_is_given_up(silent: str) -> None:
    with (
        Once(silent, TOKEN, retry=QUICK, timeout=0.1) as once,
        pytest.raises(client_errors.ServiceUnreachable) as caught,
    ):
        once.start("echo")
    assert "too long" in str(caught.value)
    assert caught.value.idempotency_key


def test_a_port_where_nobody_listens_is_unreachable(nobody: str) -> None:
    with Once(nobody, TOKEN, retry=QUICK) as once, pytest.raises(client_errors.ServiceUnreachable, match="refused"):
        once.functions()


def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(
    url: str, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody)
    with Once(url, TOKEN, retry=QUICK) as once:
        assert once.functions()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://user:s3cret@127.0.0.1:9"),
        ("HTTPS_PROXY", "gopher://user:s3cret@127.0.0.1:9"),
        ("SSL_CERT_FILE", "/nowhere/s3cret.pem"),
        ("SSL_CERT_FILE", "/dev/null"),
    ],
)
@pytest.mark.parametrize("kind", [Once, AsyncOnce])
def test_an_environment_that_cannot_be_used_is_a_configuration_error_that_names_it(
    kind: type[Once] | type[AsyncOnce], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(client_errors.ConfigurationError, match=name) as caught:
        kind("https://once.test", TOKEN)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://a b.test",
        "http://a.test/x\ny",
        "http://[::1",
        "http://a.test:99999",
        "http://a.test:x",
        "a.test",
        "http://",
        "http://a.test?x",
        "http://a.test/\u202e",
    ],
)
def test_what_is_no_url_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(client_errors.ConfigurationError, match="not a service URL"):
        Once(url, TOKEN)


def test_space_around_the_environments_url_is_no_part_of_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCE_URL", f" {url}/\r\n")
    monkeypatch.setenv("ONCE_TOKEN", f"{TOKEN}\r")
    with Once() as once:
        assert once.functions()


def test_early_hints_however_many_are_not_the_answer() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload" + b"x" * 6000 + b"\r\n\r\n"
    body = b'{"functions": [{"name": "echo"}]}'
    final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(hints * 3 + final + body)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        with Once(f"http://127.0.0.1:{server.getsockname()[1]}", TOKEN, retry=QUICK) as once:
            assert once.functions() == [{"name": "echo"}]
        thread.join()


def test_a_client_made_from_the_environment_works(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCE_URL", url + "/")
    monkeypatch.setenv("ONCE_TOKEN", TOKEN)
    with Once() as once:
        assert once.url == url
        assert once.functions()
