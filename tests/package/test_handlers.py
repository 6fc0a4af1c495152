"""A handler that is not there is told before anything is deployed."""

from __future__ import annotations

import pytest

from chalicelib.functions import Function, load
from infra.paths import FUNCTIONS_TOML
from infra.ship.handlers import check_handlers
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
