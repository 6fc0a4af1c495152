"""Which buses, queues and topics callbacks may go to.

A tenant may name what the stage's allow-list (`callback_targets` in infra/stages.toml) gives it, and nothing else: it
is looked at when a run is started and again before each try.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeGuard

from msgspec import Struct

from chalicelib.callbacks.urls import UrlRefused

_FORM: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>sqs|sns|events):(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d):(?P<account>\d{12}):"
    r"(?P<resource>(?:event-bus/)?[A-Za-z0-9/_.-]{1,256})"
)
_KINDS: Final = {"sqs": "queue", "sns": "topic", "events": "bus"}

Targets = Mapping[str, tuple[str, ...]]  #: ARN -> the tenants that may name it; none: every tenant


class AwsTarget(Struct, frozen=True):
    """A bus, queue or topic, by the parts of its ARN."""

    arn: str
    service: str
    region: str
    account: str
    name: str

    @property
    def origin(self) -> str:
        """Who fails and who is spared is counted by it."""
        return self.arn

    @property
    def host(self) -> str:
        return f"{self.service}:{self.name}"

    @property
    def kind(self) -> str:
        return _KINDS[self.service]

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")

    def __str__(self) -> str:
        return self.arn


def is_arn(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and text.startswith("arn:")


def parse(text: str) -> AwsTarget | None:
    """None: it is not the ARN of a bus, queue or topic."""
    found = _FORM.fullmatch(text)
    if found is None or (found["service"] == "events") != found["resource"].startswith("event-bus/"):
        return None
    name = found["resource"].removeprefix("event-bus/")
    return AwsTarget(text, found["service"], found["region"], found["account"], name)


def check_target(text: str, tenant: str, targets: Targets) -> AwsTarget:
    """The target, if this tenant may have callbacks sent there. Raises UrlRefused, the same for every reason."""
    target = parse(text)
    tenants = targets.get(text)
    if target is None or tenants is None or (tenants and tenant not in tenants):
        raise UrlRefused("is not the ARN of a bus, queue or topic that callbacks may go to")
    return target
