"""What the environment says, and the one service that is made of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from chalicelib import functions
from chalicelib import service as root
from chalicelib import settings as module
from chalicelib.invoker import LambdaInvoker
from chalicelib.pauses import Pauses
from chalicelib.settings import Settings, read
from invoke_once.errors import ConfigurationError

LEAST = {"ONCE_STACK": "mine", "ONCE_RUNS_TABLE": "mine-runs"}
ALL = LEAST | {
    "ONCE_STAGE": "prod",
    "ONCE_LOCAL": "1",
    "ONCE_TOKENS_TABLE": "mine-tokens",
    "ONCE_BUCKET": "mine-bucket",
    "ONCE_WAKE_QUEUE": "https://sqs.example/1/wake",
    "ONCE_ATTEND_FUNCTION": "another-attend",
    "ONCE_MASTER_KEY": "/mine/master-key",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "ONCE_CALLBACK_TARGETS": '{"arn:aws:sqs:eu-west-1:111122223333:q": ["acme", "demo"], "arn:b": []}',
}
SETTINGS = Settings(
    stack="mine",
    stage="prod",
    local=True,
    runs_table="mine-runs",
    tokens_table="mine-tokens",
    bucket="mine-bucket",
    wake_queue="https://sqs.example/1/wake",
    attend_function="another-attend",
    master_key="/mine/master-key",
    endpoint_url="http://127.0.0.1:4566",
    callback_targets={"arn:aws:sqs:eu-west-1:111122223333:q": ("acme", "demo"), "arn:b": ()},
)


def test_every_setting_has_its_name_in_the_environment() -> None:
    assert read(ALL) == SETTINGS


def test_a_stack_and_a_table_are_enough() -> None:
    assert read(LEAST) == Settings("mine", "local", False, "mine-runs", "", "", "", "mine-attend", "", None, {})
    assert read(LEAST | {"ONCE_CALLBACK_TARGETS": "", "ONCE_LOCAL": "0"}) == read(LEAST)


@pytest.mark.parametrize(
    ("env", "missing"),
    [({}, "ONCE_STACK, ONCE_RUNS_TABLE"), ({"ONCE_STACK": "s"}, "ONCE_RUNS_TABLE"),
     ({"ONCE_STACK": "", "ONCE_RUNS_TABLE": "t"}, "ONCE_STACK")],
)  # fmt: skip
def test_what_is_missing_is_named(env: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        read(env)
    assert str(told.value) == f"not set in the environment: {missing}"


@pytest.mark.parametrize("text", ["[]", "{", '{"arn:b": 3}', "7"])
def test_callback_targets_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        read(LEAST | {"ONCE_CALLBACK_TARGETS": text})
    assert str(told.value) == "ONCE_CALLBACK_TARGETS is not a JSON object of lists"


@pytest.fixture
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process knows nothing yet of its environment, which is ALL."""
    kept = (module.settings, root.connection, functions.registry)
    for one in kept:
        one.cache_clear()
    for name, value in ALL.items():
        monkeypatch.setenv(name, value)
    yield
    for one in kept:
        one.cache_clear()


@pytest.mark.usefixtures("_fresh")
def test_the_service_is_made_of_the_environment_once() -> None:
    made = root._from_environment()
    assert (made.settings, made.settings is module.settings()) == (SETTINGS, True)
    assert made.store.engine.name == "mine-runs"  # type: ignore[attr-defined]
    assert made.store.engine.connection is root.connection()  # type: ignore[attr-defined]
    assert made.payloads.store is made.store
    objects = made.payloads.objects
    assert (objects._bucket, objects._endpoint_url) == ("mine-bucket", "http://127.0.0.1:4566")  # type: ignore[attr-defined]
    assert made.functions is functions.registry() and made.functions["echo"].target == "mine-echo"
    assert isinstance(made.invoker, LambdaInvoker)
    assert isinstance(made.pauses, Pauses) and made.looks_at == {}


def test_one_thread_works_in_order_and_here_and_several_work_at_once() -> None:
    with root.several(1) as each:
        assert each is map
    together = threading.Barrier(2)
    with root.several(2) as each:
        assert [*each(lambda number: (together.wait(10), number)[1], (3, 5))] == [3, 5]
