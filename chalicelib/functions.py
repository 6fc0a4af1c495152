"""The functions that may be run: functions.toml, read and checked.

Read by the service at its cold start and by packaging, which deploys those that have a `handler` or `code`.
A mistake in the file is told by table and key, and nothing is deployed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from chalicelib import tables, targets
from chalicelib.tables import text
from chalicelib.targets import Target
from invoke_once.errors import ConfigurationError

PATH = Path(__file__).resolve().parent.parent / "functions.toml"
SERVICE_NAMES = frozenset({"api", "stream", "wake", "sweep", "attend", "record"})  # {stack}-NAME is the service's own
LAMBDA_NAME_LIMIT = 64
TENANT = r"[a-z0-9][a-z0-9._-]{0,62}"
#: Lambda's longest timeout, and on Managed Instances, where functions of elsewhere may run (API reference, Timeout).
DEPLOYED_S, MANAGED_S = 1_800, 5_400
DAY_S = 86_400
LINE = r"[^\x00-\x1f]*"
NotBareStar = Annotated[tuple[Annotated[str, Meta(pattern=r"\A(?!\*?\Z)")], ...], Meta(min_length=1)]


class Retry(Struct, frozen=True, forbid_unknown_fields=True):
    """How often the body may start, and how long to wait in between (doubling, up to the maximum)."""

    max_attempts: Annotated[int, Meta(ge=1, le=100, description="how often the body may start")] = 1
    backoff_seconds: Annotated[int, Meta(ge=0, le=DAY_S, description="the wait before the second start")] = 10
    max_backoff_seconds: Annotated[
        int, Meta(ge=0, le=DAY_S, description="each wait is twice the one before, up to this or `backoff_seconds`")
    ] = 600
    jitter: Annotated[bool, Meta(description="each wait is shortened at random, so that not all come at once")] = True


class Statement(Struct, frozen=True, forbid_unknown_fields=True):
    """What the function's role may do besides: one IAM statement. A bare `*` is refused."""

    actions: Annotated[NotBareStar, Meta(description="as `s3:GetObject`")]
    resources: Annotated[NotBareStar, Meta(description="ARNs; `${AWS::Partition}` and the like are filled in")]


class Function(Struct, frozen=True, forbid_unknown_fields=True):
    """One table of functions.toml, [functions.NAME]. Exactly one of `handler`, `code` and `target` is given."""

    name: str  # the table's
    target: Annotated[str, Meta(description="a function that exists elsewhere: its Lambda's name or ARN")]
    description: Annotated[str, text(LINE, "one line for people")] = ""
    handler: Annotated[
        str, text(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", "a Python function deployed with the service: module.function")
    ] = ""
    code: Annotated[str, text(LINE, "a function in another language deployed with the service: its directory")] = ""
    runtime: Annotated[str, text(r"[a-z]+[a-z0-9.]*", "with `code`: Lambda's name of its runtime")] = ""
    qualifier: Annotated[
        str, text(r"\$LATEST(\.PUBLISHED)?|[A-Za-z0-9_-]{1,128}", "with `target`: an alias or version")
    ] = ""
    mode: Annotated[
        Literal["tracked", "destination"],
        Meta(description="`destination`: the code is not wrapped, its outcome is what Lambda tells"),
    ] = "tracked"
    tenant: Annotated[str, text(TENANT, "owner of runs that register themselves", empty=False)] = "demo"
    timeout_seconds: Annotated[
        int, Meta(ge=1, le=MANAGED_S, description=f"Lambda's timeout; of one deployed here at most {DEPLOYED_S}")
    ] = 60
    memory_mb: Annotated[int, Meta(ge=128, le=10240, description="Lambda's memory, of a function deployed here")] = 256
    on_lost: Annotated[
        Literal["retry", "fail"],
        Meta(description="what becomes of a run whose attempt was lost, if it has attempts left"),
    ] = "retry"
    on_timeout: Annotated[
        Literal["fail", "continue"],
        Meta(description="`continue`: when Lambda's time is over, a run with a checkpoint goes on in another leg"),
    ] = "fail"
    max_legs: Annotated[int, Meta(ge=1, le=10_000, description="how many legs a run may have")] = 100
    retention_days: Annotated[int, Meta(ge=1, le=3650, description="how long a run is kept after its end")] = 30
    heartbeat_seconds: Annotated[
        int,
        Meta(
            ge=0, le=MANAGED_S, description="an attempt that is silent for longer counts as lost; 0: it may be silent"
        ),
    ] = 0
    max_running: Annotated[
        int,
        Meta(ge=1, le=1_000, description="how many of its runs may run at once, the others wait; absent: any"),
    ] = 0
    retry: Annotated[Retry, Meta(description="a table, below")] = field(default_factory=Retry)
    input_schema: Annotated[
        Mapping[str, Any] | None, Meta(description="a JSON Schema: other input is refused with 422")
    ] = None
    schedule: Annotated[
        str, text(r"(rate|cron)\([^()]+\)", "of a deployed function: an EventBridge rule, rate(…) or cron(…), runs it")
    ] = ""
    schedule_input: Annotated[
        Mapping[str, Any] | None, Meta(description="with `schedule`: the `detail` of the event that it gets")
    ] = None
    environment: Annotated[
        Mapping[Annotated[str, Meta(pattern=r"\A(?!ONCE_|AWS_)[A-Za-z]\w*\Z")], str],
        Meta(description="of a deployed function, beside the service's: names other than `ONCE_*` and `AWS_*`"),
    ] = field(default_factory=dict)
    callback: Annotated[
        str,
        text(
            r"(https?://|arn:)\S{1,2000}",
            "a URL or ARN that is told how each of its runs ended, unless the start names another",
        ),
    ] = ""
    log_group: Annotated[
        str, text(r"[A-Za-z0-9_./#-]{1,512}", "with `target`: where its log is, if not /aws/lambda/NAME")
    ] = ""
    tenants: Annotated[
        tuple[Annotated[str, text(TENANT, "", empty=False)], ...],
        Meta(min_length=1, description="who may run it; absent: every tenant"),
    ] = ()
    tenant_isolation: Annotated[
        bool, Meta(description="the Lambda has tenant isolation: it is invoked with the run's tenant")
    ] = False
    permissions: Annotated[
        tuple[Statement, ...], Meta(description="IAM statements of a deployed function's role, below")
    ] = ()

    def may_be_run_by(self, tenant: str) -> bool:
        return not self.tenants or tenant in self.tenants

    @property
    def deployed(self) -> bool:
        """Whether it is deployed with the service; otherwise it exists elsewhere."""
        return bool(self.handler or self.code)


@lru_cache(maxsize=1)
def registry() -> dict[str, Function]:
    """The functions of this deployment, by name; read once a process."""
    return load(PATH, os.environ["ONCE_STACK"])


def load(path: Path, stack: str) -> dict[str, Function]:
    """The functions in the file, named for `stack`; ConfigurationError says which key is wrong and why."""
    document = tables.document(path)
    for key in document:
        if key != "functions":
            near = tables.nearest(key, ["functions"])
            raise ConfigurationError(f"{path.name}: [{key}] is unknown; functions are tables [functions.NAME]{near}")
    named = document.get("functions", {})
    if not isinstance(named, dict) or not named:
        raise ConfigurationError(f"{path.name}: there is no table [functions.NAME]")
    return {name: _read(f"{path.name}: [functions.{name}]", name, table, stack) for name, table in named.items()}


def target_of(function: Function) -> Target:
    """What a function of functions.toml is fired at."""
    target = targets.parse(function.target)
    assert target is not None  # `load` refuses others
    return replace(target, qualifier=function.qualifier or target.qualifier)


def function_at(functions: Mapping[str, Function], arn: str) -> Function | None:
    """The function of functions.toml that this ARN, as Lambda reports it, belongs to; None: to none."""
    told = targets.parse(arn)
    if told is None:
        return None
    mine = [function for function in functions.values() if targets.same_function(target_of(function), told)]
    exact = [function for function in mine if target_of(function).qualifier == told.qualifier]
    latest = [function for function in mine if target_of(function).latest and told.latest]
    return next(iter([*exact, *latest, *(mine if len(mine) == 1 else [])]), None)


def _read(where: str, name: str, table: Any, stack: str) -> Function:
    """One [functions.NAME]. The name and the Lambda that it is are the file's and the stack's to say."""
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where} is not a table")
    if "name" in table:
        raise ConfigurationError(f"{where} name: there is no such key; the table is called by it")
    function = tables.read({"target": f"{stack}-{name}", **table, "name": name}, Function, where)
    for key, wrong, reason in _mistakes(function, table):
        if wrong:
            raise ConfigurationError(f"{where}{' ' + key if key else ''}: {reason}")
    backoff = max(function.retry.backoff_seconds, function.retry.max_backoff_seconds)
    return replace(function, retry=replace(function.retry, max_backoff_seconds=backoff))


def _mistakes(function: Function, table: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """(key, whether it is wrong, why): what no key shows by itself."""
    origins = [key for key in ("handler", "code", "target") if table.get(key)]
    deployed, target, retry = function.deployed, targets.parse(function.target), table.get("retry", {})
    yield (
        "",
        not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", function.name),
        "a name is lower-case letters, digits and hyphens, at most 40, a letter first",
    )
    yield (
        "",
        len(origins) != 1,
        f"give exactly one of handler, code and target, not {' and '.join(origins) or 'none'}",
    )
    yield (
        "",
        deployed and (function.name in SERVICE_NAMES or len(function.target) > LAMBDA_NAME_LIMIT),
        f"the Lambda's name {function.target} is the service's own, or over {LAMBDA_NAME_LIMIT} characters",
    )
    yield (
        "on_timeout",
        function.on_timeout == "continue" and function.mode != "tracked",
        "only a wrapped function has checkpoints to go on from",
    )
    yield "target", target is None, f"{function.target!r} is neither a Lambda's name nor its ARN"
    yield (
        "timeout_seconds",
        deployed and function.timeout_seconds > DEPLOYED_S,
        f"of a function deployed here at most {DEPLOYED_S}",
    )
    yield (
        "retry.max_backoff_seconds",
        "max_backoff_seconds" in retry and function.retry.max_backoff_seconds < function.retry.backoff_seconds,
        "shorter than backoff_seconds",
    )
    yield "runtime", bool(function.code) != bool(function.runtime), "code and runtime go together"
    yield (
        "mode",
        function.code and not function.runtime.startswith(("python", "nodejs")) and function.mode == "tracked",
        'only Python and Node.js functions can be wrapped: use mode = "destination"',
    )
    yield "schedule_input", function.schedule_input is not None and not function.schedule, "there is no schedule"
    yield "qualifier", function.qualifier and target and target.qualifier, "the target names one already"
    for key in ("qualifier", "log_group"):
        yield key, deployed and table.get(key), "only for a target that exists elsewhere"
    for key in ("environment", "permissions", "schedule"):
        yield (
            key,
            not deployed and table.get(key),
            "only for a function deployed here: the other has a stack of its own",
        )
