"""`POST /functions/{name}/pause` and `/resume`: hold a function's runs back, and let them go on."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Response
from msgspec import Meta, Struct

from chalicelib.api import auth, schemas
from chalicelib.api.call import Call, reply_json
from chalicelib.api.functions import with_gates
from chalicelib.api.routes import Answer, Routes
from chalicelib.api.runs import function_named
from chalicelib.gates import pausing
from chalicelib.invoker import fire_attend
from invoke_once.life import gates

routes = Routes(__name__, tag="functions")


class PauseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is paused; shown with the function."""

    reason: Annotated[str, Meta(max_length=500)] = ""


@routes.route("/functions/{name}/pause", methods=["POST"])
@routes.operation(
    {200: Answer("the function, paused", "Function")}, scope="admin", body=PauseRequest,
    examples={"incident": {"reason": "the database is full"}}, problems=(404,),
)  # fmt: skip
def pause_function(call: Call, name: str) -> Response:
    """Fire no run of a function any more, whatever is due: what runs goes on, queues rest, new runs are accepted.

    An administrator pauses it for the runs of its own tenant, an operator for everybody's. In effect within 10 s.
    """
    function = function_named(call, name)
    asked = schemas.read(call.json_body(), PauseRequest)
    pausing.pause(call.service, function.name, _whom(call), call.who.id if call.who else "", asked.reason)
    return reply_json(with_gates(call, function))


@routes.route("/functions/{name}/resume", methods=["POST"])
@routes.operation({200: Answer("the function, as it goes on", "Function")}, scope="admin", problems=(404,))
def resume_function(call: Call, name: str) -> Response:
    """Let a paused function's runs go on, the oldest first. One that is not paused stays as it is."""
    function = function_named(call, name)
    pausing.resume(call.service, function.name, _whom(call))
    fire_attend(call.service.invoker, call.service.settings.attend_function, [gates.pause_id(function.name)])
    return reply_json(with_gates(call, function))


def _whom(call: Call) -> str:
    assert call.who is not None
    return gates.EVERYBODY if auth.OPERATOR in call.who.scopes else call.tenant
