"""The pages of errors and of limits say what the code has: every name, every number, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from msgspec.inspect import IntType, ListType, Metadata, StructType, Type, UnionType

from chalicelib import invoker
from chalicelib.api import call, filters, headers, links, logs, problems, schemas, strictjson, waiting
from chalicelib.api.payloads import PASSED_ON_BYTES
from chalicelib.callbacks import deliver, redelivery, urls, webhook
from chalicelib.functions import DEPLOYED_S, Function, Retry
from chalicelib.runs.documents import INLINE_OUTPUT_BYTES
from infra.paths import ROOT
from infra.stages import Stage
from infra.template.gateway import PROBLEMS
from invoke_once import client_errors, errors
from invoke_once.handler import envelope, replies
from invoke_once.store import payloads, states

REFERENCE = ROOT / "docs" / "reference"
KB, MB, DAY_S = 1024, 1024 * 1024, 86_400


def rows(page: str, section: str = "") -> list[list[str]]:
    """The cells of its tables' rows, without their headings."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    text = text[text.index(section) :].removeprefix(section) if section else text
    text = text.split("\n## ")[0] if section else text
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][1:]


def test_every_problem_has_its_cause_and_its_remedy() -> None:
    kinds = [kind for direct in problems.Problem.__subclasses__() for kind in (direct, *direct.__subclasses__())]
    own = {(str(kind.status), f"`{kind.name}`") for kind in kinds}
    gateway = {(str(status) if status else "", f"`{name}`") for status, name, _ in PROBLEMS.values()}
    told = rows("errors.md", "## What the service refuses")
    assert {(status.rstrip("x") if status.endswith("xx") else status, name) for status, name, *_ in told} == {
        *own,
        *(each for each in gateway if each[0]),
        ("4", "`request-refused`"),
        ("5", "`gateway-error`"),
    }
    assert {name for _, name in gateway} <= {name for _, name, *_ in told}
    assert all(cause and remedy for _, _, cause, remedy in told)


def run_errors() -> Iterator[str]:
    """The types that the service itself gives a run's error."""
    given = re.compile(r'\b(?:error_fields|failed|_reject)\([^"\n]*"([A-Z]\w+)"|note\([^"\n]*"([A-Z]\w+)"')
    for tree in ("chalicelib", "invoke_once"):
        for file in (ROOT / tree).rglob("*.py"):
            for found in given.finditer(file.read_text(encoding="utf-8")):
                yield found[1] or found[2]
    yield from invoker.FINAL.values()
    yield from (replies.MALFORMED, replies.REPORTED, invoker.Unavailable("", known=True).type)


def test_every_error_that_the_service_gives_a_run_is_told() -> None:
    told = rows("errors.md", "## Why a run failed")
    assert {name.strip("`") for name, *_ in told} == set(run_errors())
    assert all(cause and remedy for _, cause, remedy in told)


def test_every_exception_of_the_library_is_told() -> None:
    raised = {
        name
        for module in (errors, client_errors)
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, BaseException) and kind is not errors.InvokeOnceError
    }
    assert {name.strip("`") for name, *_ in rows("errors.md", "## Exceptions of the Python library")} == raised


def highest(kind: type, field: str) -> int:
    """What a struct lets a field have at most."""
    shape = msgspec.inspect.type_info(kind)
    assert isinstance(shape, StructType)
    return _most(next(each.type for each in shape.fields if each.name == field))


def _most(shape: Type) -> int:
    match shape:
        case Metadata():
            return _most(shape.type)
        case UnionType():
            return _most(shape.types[0])
        case IntType(le=int(most)):
            return most
        case ListType(max_length=int(most)):
            return most
    raise AssertionError(f"no bound in {shape}")


def number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def test_every_limit_is_the_codes() -> None:
    start, batch, stage = schemas.StartRequest, schemas.BatchRequest, Stage("prod", "once")
    function, retry = {f.name: f.default for f in msgspec.structs.fields(Function)}, Retry()
    assert [row[:2] for row in rows("limits.md")] == [
        ["a request's body", f"{call.MAX_BODY_BYTES // MB} MB"],
        ["levels of JSON in a body", f"{strictjson.MAX_DEPTH}"],
        ["an input", f"{payloads.MAX_INPUT_BYTES // MB} MB"],
        ["an input of a function that is not wrapped", f"{envelope.MAX_DESTINATION_INPUT_BYTES // 1000} kB"],
        ["an output", f"{payloads.MAX_OUTPUT_BYTES // MB} MB"],
        ["an output inside the run's document", f"{INLINE_OUTPUT_BYTES // KB} KB"],
        ["a payload that is answered itself, not by a link", f"{PASSED_ON_BYTES // MB} MB"],
        ["a checkpoint's state", f"{states.MAX_STATE_BYTES // KB} KB"],
        ["an idempotency key", f"{headers.MAX_KEY} characters"],
        ["labels of a run", f"{schemas.MAX_LABELS}"],
        ["a delay", f"{highest(start, 'delay_seconds') // DAY_S} days"],
        ["the time in the queue", f"{start('f').queue_timeout_seconds // 3600} hours"],
        ["attempts of a run", f"{retry.max_attempts}"],
        ["the longest backoff", f"{retry.max_backoff_seconds // 60} minutes"],
        ["legs of a run", number(function["max_legs"])],
        ["how long a run is kept", f"{function['retention_days']} days"],
        ["a function's timeout", f"{function['timeout_seconds']} s"],
        ["items of a batch", number(highest(batch, "items"))],
        ["runs at once of a function", "any"],
        ["runs at once of a concurrency key", "any"],
        ["a held call (`Prefer: wait`)", f"{waiting.MAX_WAIT_S} s"],
        ["runs of a list's page", f"{filters.ListQuery().limit}"],
        ["lines of a log's page", f"{logs.LogQuery().limit}"],
        ["a link's life", f"{links.LinkRequest().expires_in_seconds // DAY_S} day"],
        ["tries of a callback", f"{redelivery.MAX_ATTEMPTS}"],
        ["an answer to a callback", f"{webhook.DEADLINE_S:.0f} s"],
        ["a callback's body", f"{deliver.MAX_BODY_BYTES // 1000} kB"],
        ["a callback's URL", f"{number(urls.MAX_CHARACTERS)} characters"],
        ["calls a second of a tenant, in each sandbox of the API", number(stage.calls_per_second)],
        ["calls at once of a tenant, in each sandbox of the API", number(stage.calls_burst)],
        ["runs in flight of a tenant, estimated every few seconds", number(stage.runs_in_flight)],
        ["held calls at once, of which a tenant has a quarter", number(stage.holds_in_flight)],
        ["calls a second of everybody, at the gateway", number(stage.gateway_calls_per_second)],
    ]


def test_every_bound_of_a_setting_is_the_codes() -> None:
    told = {what: setting for what, _, setting in rows("limits.md") if ", to " in setting}
    day, thirty = DAY_S, 30 * DAY_S
    assert {what: setting.rpartition(", to ")[2] for what, setting in told.items()} == {
        "the time in the queue": f"{highest(schemas.StartRequest, 'queue_timeout_seconds') // day} day",
        "attempts of a run": number(highest(Retry, "max_attempts")),
        "the longest backoff": f"{highest(Retry, 'max_backoff_seconds') // day} day",
        "legs of a run": number(highest(Function, "max_legs")),
        "how long a run is kept": number(highest(Function, "retention_days")),
        "a function's timeout": f"{number(DEPLOYED_S)} s (elsewhere {number(highest(Function, 'timeout_seconds'))} s)",
        "runs at once of a function": number(highest(Function, "max_running")),
        "runs at once of a concurrency key": number(highest(schemas.Concurrency, "max")),
        "runs of a list's page": number(highest(filters.ListQuery, "limit")),
        "a link's life": f"{highest(links.LinkRequest, 'expires_in_seconds') // thirty * 30} days",
    }
