"""Routes: Chalice's Blueprint, plus what a route needs and says of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chalice.app import Blueprint
from msgspec import Struct

from chalicelib.api.call import Call, Reply

View = Callable[[Call], Reply]
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class Operation(Struct, frozen=True, eq=False):
    """One method of one path. What else the document says is in operations.py."""

    method: str
    path: str
    view: View
    scope: str | None
    query: frozenset[str]
    summary: str


class Routes(Blueprint):
    """A resource's routes. Its operations are found by `operations`, after registration by all of them."""

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name)
        self.operations: list[Operation] = []

    def on(
        self, method: str, path: str, *, scope: str | None = None, query: Sequence[str] = ()
    ) -> Callable[[View], View]:
        """Register a view. `query`: the parameters it knows; any other is an error."""

        def register(view: View) -> View:
            summary = (view.__doc__ or "").strip().split("\n")[0]
            self.operations.append(Operation(method, path, view, scope, frozenset(query), summary))
            self.route(path, methods=[method], name=view.__name__)(view)
            return view

        return register
