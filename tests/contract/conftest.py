"""One suite, two engines: the in-memory one that users get, and the real table on the emulator."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from infra.local.emulator import Emulator
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.store import aws
from invoke_once.store.connection import Connection
from invoke_once.store.dynamo import DynamoTable
from invoke_once.store.models import RunModel
from invoke_once.store.store import Applied, Engine, Store
from invoke_once.testing import MemoryTable

NOW = 1_800_000_000_000
_names = itertools.count()


def create_table(name: str, url: str) -> None:
    """As the model declares it."""

    class Created(RunModel):
        class Meta:
            table_name, host, region, billing_mode = name, url, "us-east-1", "PAY_PER_REQUEST"

    Created.create_table(wait=True)


@pytest.fixture(scope="session")
def real_table(emulator: Emulator) -> DynamoTable:
    """A bare runs table, shared by the session: every test uses keys of its own."""
    with pytest.MonkeyPatch.context() as env:
        env.setenv("AWS_ACCESS_KEY_ID", "test")
        env.setenv("AWS_SECRET_ACCESS_KEY", "test")
        # the service gives a request up after 3 s, which a busy machine's emulator may well take
        client = aws.client(
            "dynamodb", endpoint_url=emulator.url, region="us-east-1", parameter_validation=False, read_timeout=60
        )
        table = DynamoTable("contract-runs", connection=Connection(client=client))
        create_table("contract-runs", emulator.url)
    return table


@pytest.fixture(params=["memory", "dynamodb"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return MemoryTable() if request.param == "memory" else request.getfixturevalue("real_table")


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


@pytest.fixture
def tenant() -> str:
    return f"tenant{next(_names)}"


@pytest.fixture
def begin(store: Store, tenant: str) -> Iterator[Callable[..., Head]]:
    """Start a run and return its head."""
    keys = itertools.count()

    def start(now_ms: int = NOW, **policy: object) -> Head:
        new = moves.NewRun(tenant, "echo", f"key-{next(keys)}", **policy)  # type: ignore[arg-type]
        result = store.apply(moves.start(new, now_ms))
        assert isinstance(result, Applied)
        return result.head

    yield start


@pytest.fixture
def claimed(store: Store, begin: Callable[..., Head]) -> Callable[..., Head]:
    """Start a run and claim it for `lease_ms`."""

    def claim(lease_ms: int = 60_000, **policy: object) -> Head:
        head = begin(**policy)
        result = store.apply(moves.claim(head.run_id, head.generation, NOW, lease_ms))
        assert isinstance(result, Applied)
        return result.head

    return claim
