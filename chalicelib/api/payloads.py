"""`GET /runs/{run_id}/input`, `/output` and `/checkpoint`: the JSON text, byte for byte."""

from __future__ import annotations

from collections.abc import Callable

from chalice.app import Response

from chalicelib.api import problems
from chalicelib.api.call import Call, reply
from chalicelib.api.headers import accepts
from chalicelib.api.routes import Answer, Routes
from chalicelib.api.runs import find
from invoke_once.errors import PayloadCorrupt
from invoke_once.life.head import Head
from invoke_once.life.status import Status
from invoke_once.store import states

routes = Routes(__name__, tag="runs")

PASSED_ON_BYTES = 1024 * 1024  #: a larger payload goes straight from S3 to the caller
LINK_S = 300
URI_LIST = "text/uri-list"
_PAYLOAD = {
    200: Answer(
        "the JSON text, byte for byte; or its link, for a caller that accepts text/uri-list",
        media_types=("application/json", URI_LIST),
    ),
    303: Answer("it is large: a link that needs no token, for five minutes", headers=("Location",)),
}


@routes.route("/runs/{run_id}/input", methods=["GET"])
@routes.operation(_PAYLOAD, scope="runs:read")
def show_input(call: Call, run_id: str) -> Response:
    """What the run was started with."""
    head = find(call, run_id)
    if _is_large(head.input_ref, head.input_size):
        return _elsewhere(call, call.service.payloads.input_url(head, LINK_S))
    return reply(_kept(call.service.payloads.input, head))


@routes.route("/runs/{run_id}/output", methods=["GET"])
@routes.operation(_PAYLOAD, scope="runs:read", problems=(409,), linked="run")
def show_output(call: Call, run_id: str) -> Response:
    """What the run's handler returned."""
    head = find(call, run_id)
    if head.status != Status.SUCCEEDED:
        raise problems.WrongState(_no_output(head), run_status=str(head.status))
    if _is_large(head.output_ref, head.output_size):
        return _elsewhere(call, call.service.payloads.output_url(head, LINK_S))
    return reply(_kept(call.service.payloads.output, head))


@routes.route("/runs/{run_id}/checkpoint", methods=["GET"])
@routes.operation({200: Answer("the JSON text, byte for byte")}, scope="runs:read", problems=(409,))
def show_checkpoint(call: Call, run_id: str) -> Response:
    """The state that the run's newest checkpoint kept."""
    head = find(call, run_id)
    if not head.has_state:
        raise problems.WrongState("The run has no checkpoint.", run_status=str(head.status))
    return reply(_kept(lambda kept: states.read(call.service.payloads, kept) or b"null", head))


def _kept(read: Callable[[Head], bytes], head: Head) -> str:
    """The text. An input or output may be gone before its run: raises NotFound, which says so."""
    try:
        return read(head).decode()
    except PayloadCorrupt:
        raise problems.NotFound("It is not kept any more.") from None


def _is_large(ref: str | None, size: int | None) -> bool:
    return ref is not None and ref.startswith("s3:") and (size or 0) > PASSED_ON_BYTES


def _elsewhere(call: Call, url: str) -> Response:
    """A link that needs no token, for some minutes. A browser's page may ask to be told it instead of sent there."""
    if accepts(call.headers, URI_LIST):
        return reply(f"{url}\r\n", media_type=URI_LIST)
    return reply(None, 303, {"Location": url})


def _no_output(head: Head) -> str:
    return "The run ended without an output." if head.terminal else "The run has no output yet."
