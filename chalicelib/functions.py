"""The functions that may be run: functions.toml, read and checked.

Read by the service at its cold start and by packaging, which deploys those that have a `handler` or `code`.
A mistake in the file is told by table and key, and nothing is deployed.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib import targets
from chalicelib.targets import Target
from invoke_once.errors import ConfigurationError

PATH = Path(__file__).resolve().parent.parent / "functions.toml"
SERVICE_NAMES = frozenset({"api", "stream", "wake", "sweep", "attend", "record"})  # {stack}-NAME is the service's own
LAMBDA_NAME_LIMIT = 64
TENANT = r"[a-z0-9][a-z0-9._-]{0,62}"
#: Lambda's longest timeout, and on Managed Instances, where functions of elsewhere may run (API reference, Timeout).
DEPLOYED_S, MANAGED_S = 1_800, 5_400


class Retry(Struct, frozen=True):
    """How often the body may start, and how long to wait in between (doubling, up to the maximum)."""

    max_attempts: int = 1
    backoff_seconds: int = 10
    max_backoff_seconds: int = 600
    jitter: bool = True


class Function(Struct, frozen=True):
    """One table of functions.toml. `target` is the Lambda's name or ARN, whoever deploys it."""

    name: str
    target: str
    description: str = ""
    handler: str = ""  # deployed with the service, Python: module.function
    code: str = ""  # deployed with the service, another language: a directory
    runtime: str = ""  # with `code`; "" is the service's own Python
    qualifier: str = ""  # alias or version of a function that exists elsewhere
    mode: Literal["tracked", "destination"] = "tracked"
    tenant: str = "demo"  # owner of runs that register themselves
    timeout_seconds: int = 60
    memory_mb: int = 256
    on_lost: Literal["retry", "fail"] = "retry"
    retention_days: int = 30
    heartbeat_seconds: int = 0  # 0: none
    retry: Retry = field(default_factory=Retry)
    input_schema: Mapping[str, Any] | None = None
    schedule: str = ""  # of a deployed function: an EventBridge rule runs it, rate(…) or cron(…)
    schedule_input: Mapping[str, Any] | None = None  # the `detail` of the event it then gets
    environment: Mapping[str, str] = field(default_factory=dict)  # of a deployed function, beside the service's
    log_group: str = ""  # where its log is, if not /aws/lambda/NAME
    tenants: tuple[str, ...] = ()  # who may run it; empty: every tenant
    tenant_isolation: bool = False  # the Lambda has it: Invoke then takes the run's tenant
    permissions: tuple[Mapping[str, Any], ...] = ()  # IAM statements: {"actions": [...], "resources": [...]}

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
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ConfigurationError(f"{path.name} cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{path.name} is not TOML: {problem}") from None
    for key in document:
        if key != "functions":
            raise ConfigurationError(f"{path.name}: [{key}] is unknown; functions are tables [functions.NAME]")
    tables = document.get("functions", {})
    if not isinstance(tables, dict) or not tables:
        raise ConfigurationError(f"{path.name}: there is no table [functions.NAME]")
    return {name: _Table(path.name, name, table).function(stack) for name, table in tables.items()}


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


class _Table:
    """One [functions.NAME]: takes known keys out one by one, so that what is left is unknown."""

    def __init__(self, file: str, name: str, table: Any) -> None:
        self.where = f"{file}: [functions.{name}]"
        self.name = name
        if not isinstance(table, dict):
            raise ConfigurationError(f"{self.where} is not a table")
        self.left = dict(table)

    def function(self, stack: str) -> Function:
        origin = self.origin(stack)
        function = Function(
            name=self.name,
            **origin,
            description=self.text("description"),
            mode=self.choice("mode", ("tracked", "destination"), "tracked"),
            tenant=self.text("tenant", "demo", TENANT),
            timeout_seconds=self.integer("timeout_seconds", 60, 1, MANAGED_S if self.elsewhere else DEPLOYED_S),
            memory_mb=self.integer("memory_mb", 256, 128, 10240),
            on_lost=self.choice("on_lost", ("retry", "fail"), "retry"),
            retention_days=self.integer("retention_days", 30, 1, 3650),
            heartbeat_seconds=self.integer("heartbeat_seconds", 0, 0, MANAGED_S),
            retry=self.retry(),
            input_schema=self.table("input_schema"),
            schedule=self.text("schedule", "", r"(rate|cron)\([^()]+\)"),
            schedule_input=self.table("schedule_input"),
            environment=self.environment(),
            permissions=self.permissions(),
            log_group=self.text("log_group", "", r"[A-Za-z0-9_./#-]{1,512}"),
            tenants=self.tenants(),
            tenant_isolation=self.flag("tenant_isolation", default=False),
        )
        self.nothing_left(self.left, "")
        self.check_together(function)
        return function

    def origin(self, stack: str) -> dict[str, str]:
        """Where the code is: exactly one of handler, code and target."""
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", self.name):
            raise self.wrong("", "a name is lower-case letters, digits and hyphens, at most 40, a letter first")
        handler = self.text("handler", "", r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
        code, target = self.text("code"), self.text("target")
        given = [key for key, value in (("handler", handler), ("code", code), ("target", target)) if value]
        if len(given) != 1:
            raise self.wrong("", f"give exactly one of handler, code and target, not {' and '.join(given) or 'none'}")
        own, self.elsewhere = f"{stack}-{self.name}", bool(target)
        if not target and (self.name in SERVICE_NAMES or len(own) > LAMBDA_NAME_LIMIT):
            raise self.wrong(
                "", f"the Lambda's name {own} is the service's own, or over {LAMBDA_NAME_LIMIT} characters"
            )
        return {
            "handler": handler,
            "code": code,
            "target": target or own,
            "runtime": self.text("runtime", "", r"[a-z]+[a-z0-9.]*"),
            "qualifier": self.text("qualifier", "", r"[A-Za-z0-9_$-]{1,128}"),
        }

    def check_together(self, function: Function) -> None:
        if bool(function.code) != bool(function.runtime):
            raise self.wrong("runtime", "code and runtime go together")
        if function.code and not function.runtime.startswith("python") and function.mode == "tracked":
            raise self.wrong("mode", 'only Python functions can be wrapped: use mode = "destination"')
        if function.qualifier and function.deployed:
            raise self.wrong("qualifier", "only for a target that exists elsewhere")
        if function.schedule and not function.deployed:
            raise self.wrong("schedule", "only for functions deployed here: a rule of its own stack can fire others")
        if function.schedule_input is not None and not function.schedule:
            raise self.wrong("schedule_input", "there is no schedule")
        target = targets.parse(function.target)
        if target is None:
            raise self.wrong("target", f"{function.target!r} is neither a Lambda's name nor its ARN")
        if function.qualifier and target.qualifier:
            raise self.wrong("qualifier", "the target names one already")
        if function.log_group and function.deployed:
            raise self.wrong("log_group", "only for a target that exists elsewhere")
        if not function.deployed and (function.environment or function.permissions):
            raise self.wrong("environment", "environment and permissions are only for functions deployed here")

    def retry(self) -> Retry:
        given = self.table("retry") or {}
        inner = _Table.__new__(_Table)
        inner.where, inner.name, inner.left = f"{self.where} retry", self.name, dict(given)
        backoff = inner.integer("backoff_seconds", 10, 0, 86400)
        retry = Retry(
            max_attempts=inner.integer("max_attempts", 1, 1, 100),
            backoff_seconds=backoff,
            max_backoff_seconds=inner.integer("max_backoff_seconds", max(600, backoff), backoff, 86400),
            jitter=inner.flag("jitter", default=True),
        )
        inner.nothing_left(inner.left, "")
        return retry

    def environment(self) -> Mapping[str, str]:
        given = self.table("environment") or {}
        for key, value in given.items():
            if not re.fullmatch(r"[A-Za-z]\w*", key) or key.startswith(("ONCE_", "AWS_")) or not isinstance(value, str):
                raise self.wrong(f"environment.{key}", "a text under a name that is not ONCE_* or AWS_*")
        return given

    def permissions(self) -> tuple[Mapping[str, Any], ...]:
        given = self.left.pop("permissions", [])
        if not isinstance(given, list) or not all(_is_statement(entry) for entry in given):
            raise self.wrong("permissions", 'a list of { actions = ["…"], resources = ["…"] } without a bare "*"')
        return tuple(given)

    def tenants(self) -> tuple[str, ...]:
        given = self.left.pop("tenants", None)
        if given is None:
            return ()
        if (
            not isinstance(given, list)
            or not given
            or not all(isinstance(t, str) and re.fullmatch(TENANT, t) for t in given)
        ):
            raise self.wrong("tenants", "a list of tenants' names")
        return tuple(given)

    def text(self, key: str, default: str = "", pattern: str = r"[^\x00-\x1f]*") -> str:
        value = self.left.pop(key, default)
        if not isinstance(value, str) or (value != default and not re.fullmatch(pattern, value)):
            raise self.wrong(key, f"{value!r} is not a text of the form {pattern}")
        return value

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        value = self.left.pop(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, f"{value!r} is not an integer from {low} to {high}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.left.pop(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"{value!r} is not true or false")
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> Any:
        value = self.left.pop(key, default)
        if value not in allowed:
            raise self.wrong(key, f"{value!r} is not one of {', '.join(allowed)}")
        return value

    def table(self, key: str) -> dict[str, Any] | None:
        value = self.left.pop(key, None)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(key, f"{value!r} is not a table")
        return value

    def nothing_left(self, left: dict[str, Any], prefix: str) -> None:
        for key in left:
            raise self.wrong(f"{prefix}{key}", "is not a key of a function")

    def wrong(self, key: str, reason: str) -> ConfigurationError:
        return ConfigurationError(f"{self.where}{' ' + key if key else ''}: {reason}")


def _is_statement(entry: Any) -> bool:
    if not isinstance(entry, dict) or set(entry) != {"actions", "resources"}:
        return False
    lists = list(entry.values())
    return all(
        isinstance(values, list) and values and all(isinstance(v, str) and v not in ("", "*") for v in values)
        for values in lists
    )
