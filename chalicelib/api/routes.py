"""Routes: Chalice's Blueprint, plus what an operation needs and says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import update_wrapper
from typing import Any

from chalice.app import Blueprint, Chalice, Response
from msgspec import Struct

from chalicelib.api import auth, cors, schemas
from chalicelib.api.backend import backend
from chalicelib.api.call import Call, reply_problem
from chalicelib.api.problems import InvalidParameter
from chalicelib.runs import links

View = Callable[..., Response]


class Answer(Struct, frozen=True):
    """A good answer, as the OpenAPI document has it. `schema`: a struct of openapi/answers.py, by its name."""

    description: str
    schema: str = ""
    headers: Sequence[str] = ()
    media_types: Sequence[str] = ("application/json",)


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a POST that takes no options: none, or an empty object."""


class About(Struct, frozen=True):
    """What an operation needs, and what the OpenAPI document says of it. Its summary is the view's docstring."""

    answers: Mapping[int, Answer]
    scope: str | None = None
    query: type[Struct] | None = None  #: the parameters that the view knows; any other is an error
    body: type[Struct] | None = None
    body_optional: bool = False
    examples: Mapping[str, Any] = {}  #: of a body
    headers: Sequence[str] = ()  #: that the view reads, beside If-None-Match where it may answer 304
    linked: str = ""  #: "run", "batch": a link to its run or batch opens it too, also for other sites' pages
    signed: bool = False  #: API Gateway asks for an AWS signature, where the stage has `iam_callers`
    problems: Sequence[int] = ()  #: beside those that come with a scope, a path parameter, a body


class Operation:
    """A view, and what is looked at before it: the token, its scope, the rate, the names of query parameters.

    Chalice calls it with the path's parameters; the view gets the `Call` before them. It raises nothing: Chalice
    would log an error with its message, which may quote a payload.
    """

    def __init__(self, routes: Routes, view: View, about: About) -> None:
        update_wrapper(self, view)
        self.routes, self.view, self.about = routes, view, about
        self.name, self.tag, self.scope = view.__name__, routes.tag, about.scope
        self.query = frozenset(about.query.__struct_fields__ if about.query else ())

    def __call__(self, **params: str) -> Response:
        request = self.routes.current_request
        try:
            return self._answer(Call(request, backend()), params)
        except Exception as error:
            return reply_problem(error, request.context["noted"])

    def _answer(self, call: Call, params: Mapping[str, str]) -> Response:
        """The view's answer, or a refusal; what a link asked for, other sites' pages may read either way."""
        if not (self.about.linked and auth.bearer(call.headers).startswith(links.PREFIX)):
            self._admit(call)
            return self.view(call, **params)
        try:
            self._admit(call)
            response = self.view(call, **params)
        except Exception as error:
            response = reply_problem(error, call.noted)
        response.headers |= cors.ANSWER
        return response

    def _admit(self, call: Call) -> None:
        if self.scope is None:
            return
        call.link = self._link(call) if self.about.linked else None
        if call.link is not None:
            call.noted["by"] = "link"
            call.backend.limits.take(call.link.id, call.began_ms)
        else:
            call.who = auth.authenticate(call.headers, call.backend.tokens)
            call.noted |= {"tenant": call.tenant, "token_id": call.who.id}
            auth.require(call.who, self.scope)
            call.backend.limits.take(call.tenant, call.began_ms)
        for name in sorted(set(call.query) - self.query):
            raise InvalidParameter(f"{name[:60]!a} is not a query parameter of this call.")
        if self.about.body is None and call.request.method == "POST" and call.body.strip():
            schemas.read(call.json_body(), Nothing)  # an option that would do nothing is refused, as in other bodies

    def _link(self, call: Call) -> links.Link | None:
        """The link that the call comes with. A bad one is refused as a bad token is."""
        sent = auth.bearer(call.headers)
        if not sent.startswith(links.PREFIX):
            return None
        link = links.unseal(call.backend.link_keys(call.began_ms), sent, call.began_ms)
        return link if link is not None and link.is_to(self.about.linked) else None


class Routes(Blueprint):
    """A resource's routes: `@routes.route(…)` as ever, and under it `@routes.operation(…)`."""

    def __init__(self, import_name: str, tag: str) -> None:
        super().__init__(import_name)
        self.tag = tag

    def route(self, path: str, **kwargs: Any) -> Callable[[Operation], Operation]:
        """Chalice's own, without its look at the content type: a body's is looked at where the body is read."""
        register: Callable[[Operation], Operation] = super().route(path, content_types=[], **kwargs)
        return register

    def operation(self, answers: Mapping[int, Answer], **about: Any) -> Callable[[View], Operation]:
        """What `About` says."""
        return lambda view: Operation(self, view, About(answers, **about))


def entries(app: Chalice) -> list[Any]:
    """Chalice's entry (`uri_pattern`, `method`, `view_function`) of every operation of the app."""
    found = [entry for methods in app.routes.values() for entry in methods.values()]
    return [entry for entry in found if isinstance(entry.view_function, Operation)]
