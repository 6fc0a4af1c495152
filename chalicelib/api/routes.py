"""Routes: Chalice's Blueprint, plus what an operation needs and says of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

from chalice.app import Blueprint, Chalice, Response

from chalicelib.api import auth
from chalicelib.api.backend import backend
from chalicelib.api.call import Call, reply_problem
from chalicelib.api.problems import InvalidParameter

View = Callable[..., Response]


class Operation:
    """A view, and what is looked at before it: the token, its scope, the rate, the names of query parameters.

    Chalice calls it with the path's parameters; the view gets the `Call` before them. It raises nothing: Chalice
    would log an error with its message, which may quote a payload.
    """

    def __init__(self, routes: Routes, view: View, scope: str | None, query: Sequence[str]) -> None:
        update_wrapper(self, view)
        self.routes, self.view, self.scope, self.query = routes, view, scope, frozenset(query)

    @property
    def name(self) -> str:
        return str(self.view.__name__)

    @property
    def summary(self) -> str:
        return (self.view.__doc__ or "").strip().split("\n")[0]

    def __call__(self, **params: str) -> Response:
        request = self.routes.current_request
        try:
            call = Call(request, backend())
            self._admit(call)
            return self.view(call, **params)
        except Exception as error:
            return reply_problem(error, request.context["noted"])

    def _admit(self, call: Call) -> None:
        if self.scope is None:
            return
        call.who = auth.authenticate(call.headers, call.backend.tokens)
        call.noted |= {"tenant": call.tenant, "token_id": call.who.id}
        auth.require(call.who, self.scope)
        call.backend.limits.take(call.tenant, call.began_ms)
        if set(call.query) - self.query:
            raise InvalidParameter("There is a query parameter that this call does not know.")


class Routes(Blueprint):
    """A resource's routes: `@routes.route(…)` as ever, and under it `@routes.operation(…)`."""

    def route(self, path: str, **kwargs: Any) -> Callable[[Operation], Operation]:
        """Chalice's own, without its look at the content type: a body's is looked at where the body is read."""
        register: Callable[[Operation], Operation] = super().route(path, content_types=[], **kwargs)
        return register

    def operation(self, *, scope: str | None = None, query: Sequence[str] = ()) -> Callable[[View], Operation]:
        """`query`: the parameters that the view knows; any other is an error."""
        return lambda view: Operation(self, view, scope, query)


def entries(app: Chalice) -> list[Any]:
    """Chalice's entry (`uri_pattern`, `method`, `view_function`) of every operation of the app."""
    found = [entry for methods in app.routes.values() for entry in methods.values()]
    return [entry for entry in found if isinstance(entry.view_function, Operation)]
