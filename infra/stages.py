"""The stages: infra/stages.toml, read and checked."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields, replace

from infra.paths import STAGES_TOML

LOCAL = "local"


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
    api_memory_mb: int
    worker_memory_mb: int

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
    return Stage(name=name, **values)
