"""The stages: infra/stages.toml, read and checked."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from infra.paths import STAGES_TOML

LOCAL = "local"
#: STACK-artifacts-ACCOUNT-REGION is a bucket's name, and those have at most 63 characters
ARCHITECTURES = ("x86_64", "arm64")
RESERVABLE = ("api", "stream", "wake", "sweep", "attend", "record")
#: What an ARN may leave to the stack, in a form that it has.
PSEUDO = {"Partition": "aws", "Region": "us-east-1", "AccountId": "0" * 12, "StackName": "stack"}
#: A Lambda's environment has 4 KB (Lambda Developer Guide, "Quotas"), of which the service's other settings take one.
TARGETS_CHARS = 2_500
#: As chalicelib/callbacks/arns.py reads it; a test holds the two together.
TARGET = re.compile(
    r"arn:aws[a-z-]*:(?:(?:sqs|sns):[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+"
    r"|events:[a-z0-9-]+:\d{12}:event-bus/[A-Za-z0-9/_.-]+)"
)
STACK_LIMIT = 63 - len("-artifacts-") - 12 - len("-ap-southeast-1")


class StageProblem(Exception):
    """A stage cannot be used; the message says why."""


@dataclass(frozen=True)
class Stage:
    """One deployment's parameters; infra/stages.toml says what each means."""

    name: str
    stack: str
    runtime: str
    architecture: str
    log_retention_days: int
    retain_logs: bool
    deletion_protection: bool
    tls_only: bool
    bundle_boto3: bool
    xray: bool
    alarms: bool
    alarm_email: str
    local: bool
    any_run: bool
    gateway_calls_per_second: int
    gateway_burst: int
    reserved_concurrency: Mapping[str, int]
    kms_key_arn: str
    permissions_boundary: str
    tags: Mapping[str, str]
    vpc_subnets: tuple[str, ...]
    vpc_security_groups: tuple[str, ...]
    vpc_endpoints: tuple[str, ...]
    domain: str
    certificate_arn: str
    waf_acl_arn: str
    versioned_bucket: bool
    api_memory_mb: int
    worker_memory_mb: int
    calls_per_second: float
    calls_burst: int
    runs_in_flight: int
    holds_in_flight: int
    callback_targets: tuple[Any, ...]

    @property
    def python(self) -> str:
        """Lambda's name of the runtime that the zips are made for: this machine's own, where the stage names none."""
        return self.runtime or f"python{sys.version_info.major}.{sys.version_info.minor}"

    @property
    def allowed_targets(self) -> dict[str, tuple[str, ...]]:
        """The ARNs that callbacks may go to, as they are written, and the tenants that may name each; none: all."""
        entries = [{"arn": entry} if isinstance(entry, str) else entry for entry in self.callback_targets]
        return {entry["arn"]: tuple(entry.get("tenants", ())) for entry in entries}

    def may_be(self, written: str, arn: str) -> bool:
        """Whether an ARN is the one that is written with pseudo parameters; the account is known at the deploy."""
        pattern = re.escape(written.replace("${AWS::StackName}", self.stack))
        return bool(re.fullmatch(re.sub(r"\\\$\\\{AWS::\w+\\\}", "[a-z0-9-]+", pattern), arn))

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
    stage = Stage(name=name, **{key: _value(key, given) for key, given in values.items()})
    _check(stage)
    return stage


def _value(key: str, given: Any) -> Any:
    """As the field's type wants it; StageProblem if it is of another type."""
    wanted = {field.name: str(field.type).partition("[")[0] for field in fields(Stage)}[key]
    kinds: dict[str, type | tuple[type, ...]] = {
        "str": str, "bool": bool, "int": int, "float": (int, float), "tuple": list, "Mapping": dict,
    }  # fmt: skip
    if not isinstance(given, kinds[wanted]) or (isinstance(given, bool) and wanted != "bool"):
        raise StageProblem(f"{STAGES_TOML.name}: {key} = {given!r} is not of the type {wanted}")
    return tuple(given) if isinstance(given, list) else given


def _check(stage: Stage) -> None:
    """What AWS would refuse, or what would not do what it says."""
    for wrong, why in (
        (
            stage.runtime and not re.fullmatch(r"python3\.\d+", stage.runtime),
            "runtime is a Python of Lambda: python3.13",
        ),
        (stage.architecture not in ARCHITECTURES, f"architecture is one of {', '.join(ARCHITECTURES)}"),
        (bool(stage.vpc_subnets) != bool(stage.vpc_security_groups), "vpc_subnets and vpc_security_groups go together"),
        (bool(stage.domain) != bool(stage.certificate_arn), "domain and certificate_arn go together"),
        (stage.domain and stage.vpc_endpoints, "a private API (vpc_endpoints) has no domain of its own here"),
        *_wrong_targets(stage.callback_targets),
        (set(stage.reserved_concurrency) - set(RESERVABLE), f"reserved_concurrency is of {', '.join(RESERVABLE)}"),
    ):
        if wrong:
            raise StageProblem(f"{STAGES_TOML.name}, stage {stage.name}: {why}")


def _wrong_targets(entries: tuple[Any, ...]) -> list[tuple[bool, str]]:
    """A target is an ARN, or a table of an ARN and the tenants it belongs to; all within Lambda's environment."""
    form = 'callback_targets has ARNs of buses, queues and topics, or { arn = "…", tenants = ["…"] }'
    return [
        (not all(_is_target(entry) for entry in entries), form),
        (len(json.dumps(entries)) > TARGETS_CHARS, f"callback_targets has at most {TARGETS_CHARS} characters"),
    ]


def _is_target(entry: Any) -> bool:
    table = {"arn": entry} if isinstance(entry, str) else entry
    if not isinstance(table, dict) or not {"arn"} <= set(table) <= {"arn", "tenants"}:
        return False
    arn, tenants = table["arn"], table.get("tenants", ["any"])
    whose = isinstance(tenants, list) and bool(tenants) and all(isinstance(tenant, str) for tenant in tenants)
    return whose and isinstance(arn, str) and bool(TARGET.fullmatch(filled(arn)))


def filled(arn: str) -> str:
    """An ARN with its pseudo parameters filled in with some of their form."""
    return re.sub(r"\$\{AWS::(\w+)\}", lambda found: PSEUDO.get(found[1], found[0]), arn)
