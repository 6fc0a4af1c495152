"""What a user writes, for mypy --strict: each `assert_type` is an error where the library's types do not say it."""

from __future__ import annotations

from typing import Any, TypedDict, assert_type

from invoke_once import AsyncOnce, Once, Run, current_run, tracked
from invoke_once.client import RunHandle


class Event(TypedDict):
    csv: str


class Report(TypedDict):
    rows: int


@tracked
def handler(event: Event, context: object) -> Report:
    run: Run = current_run()
    run.progress(0.5, "half way")
    return {"rows": len(event["csv"])}


@tracked(key="detail.order_id", attach=True)
def keyed(event: dict[str, Any], context: object) -> int:
    return helper(current_run())


def helper(run: Run) -> int:
    run.check()
    return run.attempt


assert_type(handler({"csv": ""}, None), Report)
assert_type(keyed({}, None), int)


def untyped(run: RunHandle) -> None:
    assert_type(run.result(), Any)


def blocking() -> None:
    with Once() as once:
        run = once.start("report", {"csv": ""}, key="k", retry={"max_attempts": 2}, labels={"a": "b"}, returns=Report)
        assert_type(run, RunHandle[Report])
        assert_type(run.wait(timeout=5).output, Report | None)
        assert_type(run.result()["rows"], int)
        assert_type(once.get("run_x", returns=list[int]).result(), list[int])
        untyped(once.start("echo"))
        for seen in once.list(status=["failed"], limit=5):
            assert_type(seen.output, Any | None)
        once.start("echo", kye="order-1")  # type: ignore[call-arg]


async def awaiting() -> int:
    async with AsyncOnce() as once:
        run = await once.start("report", returns=Report)
        async for seen in once.list(limit=5):
            untyped_async = await seen.result()
            assert_type(untyped_async, Any)
        return (await run.result())["rows"]
