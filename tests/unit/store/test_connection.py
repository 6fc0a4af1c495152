"""DynamoDB's client: where it goes, how long it waits, and that there is one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from invoke_once.store.connection import Connection


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")


def test_its_client_goes_where_it_is_told_and_gives_up_soon() -> None:
    client = Connection(host="http://127.0.0.1:9", region="eu-west-1").client
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:9", "eu-west-1")
    config = client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}


def test_one_that_is_given_is_used() -> None:
    given = object()
    assert Connection(client=given).client is given


def test_many_threads_make_one_client() -> None:
    here = Connection(host="http://127.0.0.1:9", region="eu-west-1")
    with ThreadPoolExecutor(4) as pool:
        assert len({id(client) for client in pool.map(lambda _: here.client, range(4))}) == 1
    here.warm()
