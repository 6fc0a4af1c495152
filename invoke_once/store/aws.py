"""One boto3 session a process, for every client of the service and of the wrapper.

A second session would parse botocore's data again: 95 ms of processor time, where another client takes 6.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import boto3
import boto3.session
from botocore.config import Config

from invoke_once.locator import no_collections

_making = threading.Lock()  # sessions are not safe to share between threads; the clients they make are


@cache
def session() -> boto3.session.Session:
    return boto3.session.Session()


def client(service: str, *, endpoint_url: str | None = None, region: str | None = None, **options: Any) -> Any:
    """A client of this process's session; `options` are those of `botocore.config.Config`."""
    config = Config(user_agent=f"Boto3/{boto3.__version__} invoke-once", **options)  # botocore builds its own each time
    with _making, no_collections():
        return session().client(service, region_name=region, endpoint_url=endpoint_url, config=config)
