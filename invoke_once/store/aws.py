"""One botocore session per thread, for every client: a second session parses botocore's data again, 75 ms of CPU."""

from __future__ import annotations

import threading
from typing import Any

_of_thread = threading.local()


def session() -> Any:
    """This thread's session (sessions are not safe to share between threads; the clients they make are)."""
    if not hasattr(_of_thread, "session"):
        from botocore.session import get_session

        _of_thread.session = get_session()
    return _of_thread.session


def client(service: str, *, endpoint_url: str | None = None, region: str | None = None, **options: Any) -> Any:
    """A client of DynamoDB or Lambda; `options` are botocore's (`Config`).

    Its user agent is a fixed text, its requests are not validated here, since AWS does, and its endpoint is looked up
    once: botocore would spend 0.2 ms of processor time on these three for every request.
    """
    from botocore.config import Config

    agent = f"{session().user_agent()} invoke-once"
    config = Config(user_agent=agent, parameter_validation=False, **options)
    made = session().create_client(service, region_name=region, endpoint_url=endpoint_url, config=config)
    resolver = getattr(made, "_ruleset_resolver", None)
    if resolver is not None:
        made._ruleset_resolver = _Resolved(resolver)
    return made


class _Resolved:
    """botocore's resolver of endpoints, asked once: for these two services the answer is the same for every request."""

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self._found: Any = None

    def construct_endpoint(self, **asked: Any) -> Any:
        if self._found is None:
            self._found = self._resolver.construct_endpoint(**asked)
        return self._found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resolver, name)
