"""The stages: infra/stages.toml, read and checked."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace

from chalicelib import tables
from infra.paths import STAGES_TOML
from invoke_once.errors import ConfigurationError

LOCAL = "local"
#: STACK-artifacts-ACCOUNT-REGION is a bucket's name, and those have at most 63 characters
Reservable = Annotated[str, Meta(pattern=r"\A(api|stream|wake|sweep|attend|record)\Z")]
Scope = Literal["runs:read", "runs:write", "admin", "operator"]
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


class CallbackTarget(Struct, frozen=True, forbid_unknown_fields=True):
    """A bus, queue or topic, and the tenants that may name it."""

    arn: str
    tenants: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None


class IamCaller(Struct, frozen=True, forbid_unknown_fields=True):
    """A role or user of AWS that may fetch tokens, whose runs those are for, and what they allow."""

    arn: Annotated[str, Meta(pattern=r"\Aarn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]{1,500}\Z")]
    tenant: Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9._-]{0,62}\Z")]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)] = ("runs:read", "runs:write")


class Stage(Struct, frozen=True, forbid_unknown_fields=True):
    """One deployment's parameters: the table [stages.NAME] of infra/stages.toml, over [defaults], over these."""

    name: str
    stack: Annotated[
        str,
        Meta(description="invoke-once-STAGE unless told: begins all names of the stack; at most 25 characters"),
    ]
    runtime: Annotated[
        str,
        Meta(
            description='of every Python function and of the layer, whoever deploys; `""`: the Python of this machine'
        ),
    ] = "python3.13"
    architecture: Annotated[Literal["x86_64", "arm64"], Meta(description="`arm64` is a fifth cheaper")] = "x86_64"
    log_retention_days: Annotated[int, Meta(ge=0, description="of every function's log lines")] = 30
    retain_logs: Annotated[
        bool, Meta(description="log groups stay when the stack goes, and the next deploy takes them up")
    ] = False
    deletion_protection: Annotated[
        bool, Meta(description="of the tables; the bucket and the tables are retained in any case")
    ] = True
    tls_only: Annotated[bool, Meta(description="the bucket refuses plain http")] = True
    bundle_boto3: Annotated[
        bool, Meta(description="the pinned boto3 in the layer (17 MB), which the tests ran on, and not Lambda's own")
    ] = True
    xray: Annotated[bool, Meta(description="traces of functions and API")] = False
    alarms: Annotated[bool, Meta(description="alarms, their topic, and the dashboard")] = True
    alarm_email: Annotated[str, Meta(description="who is subscribed to the topic")] = ""
    local: Annotated[bool, Meta(description="callbacks to http and loopback: for the emulator alone")] = False
    any_run: Annotated[
        bool,
        Meta(description="a target's role reaches other functions' runs too: while runs of 0.1.0 are under way"),
    ] = False
    api_memory_mb: Annotated[int, Meta(ge=0, description="memory of the API, and with it CPU")] = 512
    worker_memory_mb: Annotated[int, Meta(ge=0, description="memory of the service's other functions")] = 256
    calls_per_second: Annotated[
        float, Meta(ge=0, description="calls of one tenant, in each sandbox of the API, before it answers 429")
    ] = 200
    calls_burst: Annotated[int, Meta(ge=0, description="so many at once, likewise")] = 2000
    runs_in_flight: Annotated[int, Meta(ge=0, description="of one tenant, likewise")] = 10000
    gateway_calls_per_second: Annotated[
        int,
        Meta(
            ge=0,
            description="of everybody together, refused by the gateway before anything runs; 0: the account's limit",
        ),
    ] = 2000
    gateway_burst: Annotated[int, Meta(ge=0, description="so many at once, likewise")] = 1000
    reserved_concurrency: Annotated[
        Mapping[Reservable, int],
        Meta(
            description="`{ api = 50 }`: kept for a function of the service, and its ceiling; taken from the account's"
        ),
    ] = field(default_factory=dict)
    kms_key_arn: Annotated[
        str,
        Meta(description="your key for all that is stored; its policy must let the deployer and the roles use it"),
    ] = ""
    permissions_boundary: Annotated[str, Meta(description="the ARN of a policy that bounds every role")] = ""
    tags: Annotated[Mapping[str, str], Meta(description="of the stack, and so of everything in it")] = field(
        default_factory=dict
    )
    vpc_subnets: Annotated[
        tuple[str, ...],
        Meta(description="where the functions run; callbacks then need a NAT, and AWS's services an endpoint or a NAT"),
    ] = ()
    vpc_security_groups: Annotated[tuple[str, ...], Meta(description="with `vpc_subnets`")] = ()
    vpc_endpoints: Annotated[tuple[str, ...], Meta(description="of `execute-api`: the API is private to them")] = ()
    domain: Annotated[str, Meta(description="a name of yours for the API; point it at the output `DomainTarget`")] = ""
    certificate_arn: Annotated[str, Meta(description="with `domain`: its certificate, in this Region")] = ""
    waf_acl_arn: Annotated[str, Meta(description="a web ACL in front of the API")] = ""
    cors_origins: Annotated[
        tuple[Annotated[str, Meta(pattern=r"\A(https://[a-z0-9.-]+|http://(localhost|127\.0\.0\.1))(:\d+)?\Z")], ...],
        Meta(
            max_length=20,
            description='`["https://app.example.com"]`: sites whose pages may call the API with a token they have',
        ),
    ] = ()
    iam_callers: Annotated[
        tuple[IamCaller, ...],
        Meta(
            description='`[{ arn = "arn:aws:iam::…:role/shop", tenant = "shop" }]`: roles and users of AWS that fetch '
            "their tokens with their own signature; `scopes` unless `runs:read` and `runs:write`"
        ),
    ] = ()
    versioned_bucket: Annotated[bool, Meta(description="what is overwritten or deleted can be had back for a week")] = (
        False
    )
    callback_targets: Annotated[
        tuple[str | CallbackTarget, ...],
        Meta(description='ARNs that callbacks may go to; `{ arn = "…", tenants = ["acme"] }`: for some tenants'),
    ] = ()
    holds_in_flight: Annotated[
        int,
        Meta(
            ge=0,
            description="held by `Prefer: wait` at once, of all tenants; each holds one of the account's executions",
        ),
    ] = 200

    @property
    def python(self) -> str:
        """Lambda's name of the runtime that the zips are made for: this machine's own, where the stage names none."""
        return self.runtime or f"python{sys.version_info.major}.{sys.version_info.minor}"

    @property
    def allowed_targets(self) -> dict[str, tuple[str, ...]]:
        """The ARNs that callbacks may go to, as they are written, and the tenants that may name each; none: all."""
        entries = [CallbackTarget(entry) if isinstance(entry, str) else entry for entry in self.callback_targets]
        return {entry.arn: entry.tenants or () for entry in entries}

    def may_be(self, written: str, arn: str) -> bool:
        """Whether an ARN is the one that is written with pseudo parameters; the account is known at the deploy."""
        pattern = re.escape(written.replace("${AWS::StackName}", self.stack))
        return bool(re.fullmatch(re.sub(r"\\\$\\\{AWS::\w+\\\}", "[a-z0-9-]+", pattern), arn))

    def named(self, stack: str) -> Stage:
        """The same stage under another stack's name, as the tests use it."""
        return replace(self, stack=stack)


def load(name: str, path: Path = STAGES_TOML) -> Stage:
    """The stage called `name`; StageProblem if the name or a key of stages.toml cannot be right."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", name):
        raise StageProblem(
            f"STAGE={name!r}: a stage is lower-case letters, digits and hyphens, at most 20, a letter first"
        )
    try:
        whole = tables.document(path)
        shared, own = whole.get("defaults", {}), whole.get("stages", {}).get(name, {})
        values = {"stack": f"invoke-once-{name}", **shared, **own, "name": name}
        stage = tables.read(values, Stage, f"{STAGES_TOML.name}, stage {name}:")
    except ConfigurationError as error:
        raise StageProblem(str(error)) from None
    if not re.fullmatch(rf"[a-z][a-z0-9-]{{0,{STACK_LIMIT - 1}}}", stage.stack):
        raise StageProblem(
            f"STAGE={name!r}: the stack would be called {stage.stack}, and a stack's name is lower-case letters, "
            f"digits and hyphens, at most {STACK_LIMIT}, because buckets are called after it"
        )
    _check(stage)
    return stage


def _check(stage: Stage) -> None:
    """What AWS would refuse, or what would not do what it says."""
    for wrong, why in (
        (
            stage.runtime and not re.fullmatch(r"python3\.\d+", stage.runtime),
            "runtime is a Python of Lambda: python3.13",
        ),
        (bool(stage.vpc_subnets) != bool(stage.vpc_security_groups), "vpc_subnets and vpc_security_groups go together"),
        (bool(stage.domain) != bool(stage.certificate_arn), "domain and certificate_arn go together"),
        (
            len({_named(caller.arn) for caller in stage.iam_callers}) < len(stage.iam_callers),
            "iam_callers has a role or user twice (their names are unique in an account, whatever their path)",
        ),
        (stage.domain and stage.vpc_endpoints, "a private API (vpc_endpoints) has no domain of its own here"),
        (
            not all(TARGET.fullmatch(filled(arn)) for arn in stage.allowed_targets),
            "callback_targets has ARNs of buses, queues and topics",
        ),
        (
            len(msgspec.json.encode(stage.callback_targets)) > TARGETS_CHARS,
            f"callback_targets has at most {TARGETS_CHARS} characters",
        ),
    ):
        if wrong:
            raise StageProblem(f"{STAGES_TOML.name}, stage {stage.name}: {why}")


def _named(arn: str) -> tuple[str, str]:
    """A role or user without its path: (up to its kind, its name)."""
    kind, *names = arn.split("/")
    return kind, names[-1]


def filled(arn: str) -> str:
    """An ARN with its pseudo parameters filled in with some of their form."""
    return re.sub(r"\$\{AWS::(\w+)\}", lambda found: PSEUDO.get(found[1], found[0]), arn)
