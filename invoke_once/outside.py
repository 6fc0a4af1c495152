"""What a function outside the service's stack needs: rights, environment, and where Lambda reports its ends.

Everything in the stack is named after it, so its name is enough:

    tracked       the runs table and the bucket (its own run, payloads), and to tell `record` of its deaths
    destination   to tell `record` of its outcomes: nothing else, and no environment

`Place` says where; left empty, its parts are CloudFormation's pseudo parameters, for `Fn::Sub`. `outside_formats.py`
writes all of it for the tools that deploy functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from invoke_once.errors import ConfigurationError
from invoke_once.life import keys

Mode = Literal["tracked", "destination"]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """The service's stack (or a template's parameter: `${Name}`), and the account and region that it is in."""

    stack: str
    account: str = "${AWS::AccountId}"
    region: str = "${AWS::Region}"
    partition: str = "${AWS::Partition}"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}|\$\{[A-Za-z0-9]+\}", self.stack):
            raise ConfigurationError(f"{self.stack!r} is not the name of a stack")
        if not re.fullmatch(r"\d{12}|\$\{AWS::AccountId\}", self.account):
            raise ConfigurationError(f"{self.account!r} is not an account: 12 digits")
        if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-\d|\$\{AWS::Region\}", self.region):
            raise ConfigurationError(f"{self.region!r} is not a region")

    @property
    def table(self) -> str:
        return f"{self.stack}-runs"

    @property
    def bucket(self) -> str:
        return f"{self.stack}-data-{self.account}-{self.region}"

    @property
    def record(self) -> str:
        return self._arn("lambda", f"function:{self.stack}-record")

    @property
    def table_arn(self) -> str:
        return self._arn("dynamodb", f"table/{self.table}")

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @classmethod
    def at(cls, stack: str, account: str, region: str) -> Place:
        """A real place, for what is no template."""
        kinds = {"eusc": "aws-eusc", "cn": "aws-cn", "us-gov": "aws-us-gov"}
        partition = next((name for start, name in kinds.items() if region.startswith(f"{start}-")), "aws")
        return cls(stack, account, region, partition)

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def own_runs(function: str) -> Document:
    """The condition under which a role reaches this function's runs alone (see `keys.mark`)."""
    mark = keys.mark(function)
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"run_{mark}*", f"slot_{mark}*"]}}


def only_under(prefix: str) -> Document:
    """The condition under which a role may ask for the bucket's objects below a prefix."""
    return {"StringLike": {"s3:prefix": [prefix]}}


def policy(place: Place, mode: Mode, function: str) -> Document:
    """The IAM policy of the function's role, beside what it has: its own runs and payloads alone."""
    statements = [_allow("TellRecord", ["lambda:InvokeFunction"], place.record)]
    if mode == "tracked":
        moves = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        statements = [
            _allow("OwnRuns", moves, place.table_arn, own_runs(function)),
            _allow("LargePayloads", ["s3:GetObject", "s3:PutObject"], f"{place.bucket_arn}/{function}/*"),
            _allow("MissingPayloads", ["s3:ListBucket"], place.bucket_arn, only_under(f"{function}/*")),
            *statements,
        ]
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(sid: str, actions: list[str], resource: str, only_if: Document | None = None) -> Document:
    statement: Document = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
    return statement | ({"Condition": only_if} if only_if else {})


def environment(place: Place, mode: Mode, function: str, tenant: str) -> dict[str, str]:
    """Of a wrapped function: what its runs are called, and whose those are that register themselves."""
    if mode != "tracked":
        return {}
    return {
        "ONCE_RUNS_TABLE": place.table,
        "ONCE_BUCKET": place.bucket,
        "ONCE_FUNCTION": function,
        "ONCE_TENANT": tenant,
    }


def destinations(place: Place, mode: Mode, qualifier: str = "") -> Document:
    """The function's EventInvokeConfig: retries are the service's, ends go to `record`.

    Lambda keeps one for each version and alias: what is called as `name:live` needs one with the Qualifier `live`.
    """
    ends = {"OnFailure": {"Destination": place.record}}
    if mode == "destination":
        ends["OnSuccess"] = {"Destination": place.record}
    of = {"Qualifier": qualifier} if qualifier else {}
    return {**of, "MaximumRetryAttempts": 0, "DestinationConfig": ends}


def entry(mode: Mode, function: str, tenant: str, target: str, qualifier: str = "") -> str:
    """Its table in functions.toml, by which the service may start it, and knows whose its reports are."""
    lines = [f"[functions.{function}]", f'target = "{target}"', f'tenant = "{tenant}"', f'mode = "{mode}"']
    return "\n".join([*lines, *([f'qualifier = "{qualifier}"'] if qualifier else [])]) + "\n"
