"""From a client's arguments to a `Core`: which service, as whom, how patiently."""

from __future__ import annotations

from invoke_once.client.core.effects import Seams
from invoke_once.client.core.flows import Core
from invoke_once.client.core.requests import Target
from invoke_once.client.core.retry import RetryPolicy
from invoke_once.client.profile import resolve


def core_for(
    url: str | None,
    token: str | None,
    profile: str | None,
    timeout_s: float,
    retry: RetryPolicy | None,
    seams: Seams | None,
) -> Core:
    """Raises ConfigurationError where nothing says which service, or what says so is wrong."""
    found = resolve(url, token, profile)
    return Core(Target(found.url, found.token, timeout_s), retry or RetryPolicy(), seams or Seams())
