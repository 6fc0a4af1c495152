"""A handler that is not there, and a callback that may not be, are told before anything is deployed."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.functions import Function, load
from infra import stages
from infra.paths import FUNCTIONS_TOML
from infra.ship.callbacks import check_callbacks
from infra.ship.handlers import check_handlers
from infra.stages import CallbackTarget
from invoke_once.errors import ConfigurationError


def test_the_handlers_of_functions_toml_are_there() -> None:
    check_handlers(load(FUNCTIONS_TOML, "stack").values())


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        ("chalicelib.jobs.nowhere.handler", "there is no module chalicelib.jobs.nowhere"),
        ("chalicelib.jobs.echo.handle", "there is no handle in chalicelib/jobs/echo.py"),
        ("chalicelib.jobs.handler", "there is no handler in chalicelib/jobs/__init__.py"),
    ],
)
def test_a_handler_that_is_not_there_is_told_by_its_table(handler: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\[functions.mine\] handler: ") as error:
        check_handlers([Function("mine", "t-mine", handler=handler)])
    assert told in str(error.value)


QUEUE = "arn:aws:sqs:eu-west-1:111122223333:results"
LOCAL, PROD = stages.load("local"), stages.load("prod")
LOCAL_QUEUE = f"arn:aws:sqs:us-east-1:000000000000:{LOCAL.stack}-callbacks"


def test_a_callback_that_may_be_called_is_taken() -> None:
    own = replace(PROD, callback_targets=(CallbackTarget(QUEUE, ("acme", "demo")),))
    check_callbacks([Function("f", "f"), Function("g", "g", callback="https://hook.example/x")], PROD)
    check_callbacks([Function("f", "f", callback=QUEUE, tenants=("acme",))], own)
    check_callbacks(
        [Function("f", "f", callback=LOCAL_QUEUE), Function("g", "g", callback="http://127.0.0.1:1/")], LOCAL
    )


@pytest.mark.parametrize(
    ("callback", "more"),
    [
        ("http://hook.example/", {}),
        ("https://10.0.0.1/", {}),
        (f"{QUEUE}-other", {}),
        (LOCAL_QUEUE, {}),
        (QUEUE, {"tenants": ("umbrella",)}),
        (QUEUE, {"tenant": "umbrella"}),
    ],
)
def test_one_that_every_delivery_would_refuse_is_told_by_its_table(callback: str, more: dict[str, Any]) -> None:
    stage = replace(PROD, callback_targets=(CallbackTarget(QUEUE, ("acme", "demo")),))
    with pytest.raises(ConfigurationError, match=r"\[functions.mine\] callback: it "):
        check_callbacks([Function("mine", "t-mine", callback=callback, **more)], stage)
