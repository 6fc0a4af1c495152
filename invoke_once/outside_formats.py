"""What a function outside the stack needs, written for the tool that deploys it.

    sam          Properties of an AWS::Serverless::Function       terraform    resources beside an aws_lambda_function
    serverless   functions.NAME and the role of serverless.yml    cdk          a function of TypeScript, for a construct

All say the same (`outside.py`); account, region and partition are left to each tool's own words for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from invoke_once.outside import Mode, Place, destinations, environment, policy

_PSEUDO = re.compile(r"\$\{AWS::(\w+)\}")
_TERRAFORM = {
    "Partition": "${data.aws_partition.current.partition}",
    "Region": "${data.aws_region.current.id}",
    "AccountId": "${data.aws_caller_identity.current.account_id}",
}


def sam(place: Place, mode: Mode, function: str, tenant: str, qualifier: str = "") -> str:
    """For the Properties of an AWS::Serverless::Function, as YAML."""
    lines = ["Environment:", "  Variables:"] if mode == "tracked" else []
    lines += [f"    {name}: {_yaml(value)}" for name, value in environment(place, mode, function, tenant).items()]
    lines += ["Policies:", '  - Version: "2012-10-17"', "    Statement:"]
    lines += _statements(place, mode, function, "      ")
    told = destinations(place, mode)
    lines += [f"AutoPublishAlias: {qualifier}"] if qualifier else []  # SAM then aims the config at the alias
    lines += ["EventInvokeConfig:", f"  MaximumRetryAttempts: {told['MaximumRetryAttempts']}", "  DestinationConfig:"]
    for end, where in told["DestinationConfig"].items():
        lines += [f"    {end}:", "      Type: Lambda", f"      Destination: {_yaml(where['Destination'])}"]
    return "\n".join(lines) + "\n"


def serverless(place: Place, mode: Mode, function: str, tenant: str, qualifier: str = "") -> str:
    """For serverless.yml: what to add to the function and to the role that its functions share.

    The framework makes the config of the function itself; of an alias it makes none.
    """
    lines = ["functions:", f"  {function}:"]
    told = environment(place, mode, function, tenant)
    lines += ["    environment:"] if told else []
    lines += [f"      {name}: {_yaml(value)}" for name, value in told.items()]
    ends = destinations(place, mode)
    lines += [f"    maximumRetryAttempts: {ends['MaximumRetryAttempts']}", "    destinations:"]
    for end, where in ends["DestinationConfig"].items():
        name = end[:1].lower() + end[1:]
        lines += [f"      {name}:", "        type: function", f"        arn: {_yaml(where['Destination'])}"]
    lines += ["provider:", "  iam:", "    role:", "      statements:"]
    lines += _statements(place, mode, function, "        ")
    if qualifier:
        lines += [f"# the framework makes no event invoke config of the alias {qualifier}: see --show destinations"]
    return "\n".join(lines) + "\n"


def terraform(place: Place, mode: Mode, function: str, tenant: str, qualifier: str = "") -> str:
    """Resources beside `aws_lambda_function.NAME` and its `aws_iam_role.NAME`, in HCL."""
    name = f"{function}_once"
    told = environment(place, mode, function, tenant)
    lines = [f'data "{kind}" "current" {{}}' for kind in ("aws_partition", "aws_region", "aws_caller_identity")]
    if told:
        pairs = [f"    {key} = {_hcl(value)}" for key, value in told.items()]
        lines += ["", f"# in aws_lambda_function.{function}: environment {{ variables = local.{name} }}"]
        lines += ["locals {", f"  {name} = {{", *pairs, "  }", "}"]
    lines += [
        "",
        f'resource "aws_iam_role_policy" "{name}" {{',
        f"  role   = aws_iam_role.{function}.id",
        f"  policy = jsonencode({_hcl(policy(place, mode, function), '  ')})",
        "}",
        "",
        f'resource "aws_lambda_function_event_invoke_config" "{name}" {{',
        f"  function_name          = aws_lambda_function.{function}.function_name",
        *([f'  qualifier              = "{qualifier}"'] if qualifier else []),
        "  maximum_retry_attempts = 0",
        "  destination_config {",
    ]
    for end, where in destinations(place, mode)["DestinationConfig"].items():
        block = "on_failure" if end == "OnFailure" else "on_success"
        lines += [f"    {block} {{", f"      destination = {_hcl(where['Destination'])}", "    }"]
    return "\n".join([*lines, "  }", f"  depends_on = [aws_iam_role_policy.{name}]", "}"]) + "\n"


def cdk(place: Place, mode: Mode, function: str, tenant: str, qualifier: str = "") -> str:
    """A function of TypeScript that gives a `lambda.Function` of a stack what it needs."""
    lines = [
        'import { Fn, aws_iam as iam, aws_lambda as lambda } from "aws-cdk-lib";',
        "",
        "export function trackedByOnce(fn: lambda.Function): void {",
    ]
    for name, value in environment(place, mode, function, tenant).items():
        lines += [f"  fn.addEnvironment({json.dumps(name)}, {_typescript(value)});"]
    for statement in policy(place, mode, function)["Statement"]:
        lines += ["  fn.addToRolePolicy(new iam.PolicyStatement({", f"    sid: {json.dumps(statement['Sid'])},"]
        lines += [f"    actions: {json.dumps(statement['Action'])},"]
        lines += [f"    resources: [{_typescript(statement['Resource'])}],"]
        if "Condition" in statement:
            lines += [f"    conditions: {json.dumps(statement['Condition'])},"]
        lines += ["  }));"]
    told = destinations(place, mode)
    lines += ['  new lambda.CfnEventInvokeConfig(fn, "InvokeOnce", {', "    functionName: fn.functionName,"]
    lines += [f"    qualifier: {json.dumps(qualifier or '$LATEST')},"]
    lines += [f"    maximumRetryAttempts: {told['MaximumRetryAttempts']},", "    destinationConfig: {"]
    for end, where in told["DestinationConfig"].items():
        lines += [f"      {end[:1].lower() + end[1:]}: {{ destination: {_typescript(where['Destination'])} }},"]
    return "\n".join([*lines, "    },", "  }).node.addDependency(fn.role!);", "}"]) + "\n"


def _statements(place: Place, mode: Mode, function: str, indent: str) -> list[str]:
    """The policy's statements as a list of YAML."""
    lines = []
    for statement in policy(place, mode, function)["Statement"]:
        lines += [
            f"- Sid: {statement['Sid']}",
            f"  Effect: {statement['Effect']}",
            f"  Action: [{', '.join(statement['Action'])}]",
            f"  Resource: {_yaml(statement['Resource'])}",
        ]
        for operator, asked in statement.get("Condition", {}).items():
            lines += ["  Condition:", f"    {operator}:"]
            lines += [f"      {key}: {json.dumps(values)}" for key, values in asked.items()]
    return [indent + line for line in lines]


def _yaml(value: str) -> str:
    return f"!Sub {value}" if "${" in value else value


def _typescript(value: str) -> str:
    return f"Fn.sub({json.dumps(value)})" if "${" in value else json.dumps(value)


def _hcl(value: Any, indent: str = "") -> str:
    """An expression of HCL. Account, region and partition are the provider's own."""
    if isinstance(value, Mapping):
        inner = [f"{indent}  {json.dumps(key)} = {_hcl(each, indent + '  ')}" for key, each in value.items()]
        return "\n".join(["{", *inner, f"{indent}}}"])
    if isinstance(value, list):
        return f"[{', '.join(_hcl(each, indent) for each in value)}]"
    return _PSEUDO.sub(lambda found: _TERRAFORM[found[1]], json.dumps(value))
