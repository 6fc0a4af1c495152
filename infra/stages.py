"""The stages: infra/stages.toml, read and checked."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields, replace

from infra.paths import STAGES_TOML

LOCAL = "local"
#: STACK-artifacts-ACCOUNT-REGION is a bucket's name, and those have at most 63 characters
STACK_LIMIT = 63 - len("-artifacts-") - 12 - len("-ap-southeast-1")


class StageProblem(Exception):
    """A stage cannot be used; the message says why."""


@dataclass(frozen=True)
class Stage:
    """One deployment's parameters; infra/stages.toml says what each means."""

    name: str
    stack: str
    log_retention_days: int
    deletion_protection: bool
    tls_only: bool
    bundle_boto3: bool
    xray: bool
    alarms: bool
    alarm_email: str
    local: bool
    any_run: bool
    api_memory_mb: int
    worker_memory_mb: int
    calls_per_second: float
    calls_burst: int
    runs_in_flight: int

    def named(self, stack: str) -> Stage:
        """The same stage under another stack's name, as the tests use it."""
        return replace(self, stack=stack)


def load(name: str) -> Stage:
    """The stage called `name`; StageProblem if the name or a key of stages.toml cannot be right."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", name):
        raise StageProblem(
            f"STAGE={name!r}: a stage is lower-case letters, digits and hyphens, at most 20, a letter first"
        )
    document = tomllib.loads(STAGES_TOML.read_text())
    values = {"stack": f"invoke-once-{name}", **document["defaults"], **document["stages"].get(name, {})}
    unknown = set(values) - {field.name for field in fields(Stage)}
    if unknown:
        raise StageProblem(f"{STAGES_TOML.name}: {', '.join(sorted(unknown))} is not a parameter of a stage")
    if not re.fullmatch(rf"[a-z][a-z0-9-]{{0,{STACK_LIMIT - 1}}}", values["stack"]):
        raise StageProblem(
            f"STAGE={name!r}: the stack would be called {values['stack']}, and a stack's name is lower-case letters, "
            f"digits and hyphens, at most {STACK_LIMIT}, because buckets are called after it"
        )
    return Stage(name=name, **values)
