"""Batches: the request, what a handle knows of one, and its runs and results page by page. Pure, as the rest here."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from invoke_once import client_errors
from invoke_once.client.core import flows, replies
from invoke_once.client.core.document import RunInfo
from invoke_once.client.core.effects import Flow
from invoke_once.client.core.flows import Core
from invoke_once.client.core.options import Retry, known_only
from invoke_once.client.core.requests import START_HOLD_S, JsonText, encode, quoted, run_path
from invoke_once.client.core.steps import Pages
from invoke_once.client.core.view import View


class MapOptions(TypedDict, total=False):
    """What `map` takes beside function and inputs.

    key, callback, delay_seconds, queue_timeout_seconds, retry, if_failed, labels, wait: as for `start`; the callback
    gets the outcome of the whole, and the labels are the batch's.
    max_running: at most so many of its runs at once; the others begin later.
    """

    key: str | None
    callback: str | None
    delay_seconds: int | None
    queue_timeout_seconds: int | None
    retry: Retry | None
    if_failed: str | None
    labels: Mapping[str, str] | None
    max_running: int | None
    wait: float


def start_batch(core: Core, function: str, inputs: Iterable[Any], given: MapOptions) -> Flow[RunInfo]:
    """`POST /batches`. The key is settled before the first try. Raises TypeError for an option that there is not."""
    known_only("map", given, MapOptions.__annotations__)
    known_only("retry", given.get("retry") or {}, Retry.__annotations__)
    callback, key = given.get("callback"), given.get("key")
    key = str(uuid.uuid4()) if key is None else key
    items = ",".join(f'{{"input":{_text(value)}}}' for value in inputs)
    body = {
        "function": function,
        "items": JsonText(f"[{items}]"),
        "callback": None if callback is None else {"url": callback},
        "labels": dict(given.get("labels") or {}) or None,
        **{name: given.get(name)
           for name in ("delay_seconds", "queue_timeout_seconds", "retry", "if_failed", "max_running")},
    }  # fmt: skip
    body = {name: value for name, value in body.items() if value is not None}
    hold_s = max(0, min(START_HOLD_S, int(given.get("wait", 0))))
    headers = {"Idempotency-Key": quoted(key)}
    try:
        call = core.target.call("POST", "/batches", body=body, headers=headers, hold_s=hold_s)
        return replies.run_of((yield from flows.fetch(core, call)))
    except client_errors.ServiceUnreachable as error:
        error.idempotency_key = key
        raise


def _text(value: Any) -> str:
    return value.text if isinstance(value, JsonText) else encode(value).decode()


class BatchView(View):
    """What only a batch has."""

    @property
    def counts(self) -> Mapping[str, int]:
        """`total`, `waiting`, `running`, and one number an end; exact once it has ended."""
        counts: Mapping[str, int] = self.document.data.get("counts") or {}
        return counts


class Batches(Pages):
    """Documents of batches, or of their runs, page by page."""

    def step(self) -> Flow[Sequence[RunInfo] | None]:  # type: ignore[override]
        items = yield from super().step()
        return None if items is None else [replies.run_from(item) for item in items]


def runs_of(core: Core, batch_id: str, status: str | Sequence[str] | None) -> Batches:
    """A batch's runs by index."""
    wanted = status if status is None or isinstance(status, str) else ",".join(status)
    return Batches(core, run_path(batch_id, "/runs"), "runs", {"status": wanted})


class Results:
    """The outputs in order, or (`whole`) what became of each item, with its output.

    `raise_failed`: raises RunNotSucceeded at one that did not succeed; else its output is None.
    """

    def __init__(self, core: Core, batch_id: str, *, raise_failed: bool = False, whole: bool = False) -> None:
        self._pages = Pages(core, run_path(batch_id, "/results"), "results", {})
        self._core, self._raise, self._whole = core, raise_failed, whole

    def step(self) -> Flow[Sequence[Any] | None]:
        page = yield from self._pages.step()
        if page is None:
            return None
        outputs = []
        for result in page:
            output = yield from self._output(result)
            outputs.append({**result, "output": output} if self._whole else output)
        return outputs

    def _output(self, result: Mapping[str, Any]) -> Flow[Any]:
        if result.get("status") == "succeeded":
            if "output" in result:
                return result["output"]
            return (yield from flows.payload(self._core, str(result["run_id"]), "output"))
        if self._raise:
            run = RunInfo({"id": str(result.get("run_id")), **{k: v for k, v in result.items() if k != "run_id"}})
            raise replies.ending_of(run)
        return None
