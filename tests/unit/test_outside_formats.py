"""What each tool that deploys functions is given, to the letter: people paste it, and the tool reads it."""

from __future__ import annotations

from textwrap import indent

import pytest

from invoke_once.outside import Place
from invoke_once.outside_formats import cdk, sam, serverless, terraform

PLACE = Place("once-prod")
PSEUDO = ("${AWS::Partition}", "${AWS::Region}", "${AWS::AccountId}")
DATA = (
    "${data.aws_partition.current.partition}", "${data.aws_region.current.id}",
    "${data.aws_caller_identity.current.account_id}",
)  # fmt: skip

RIGHTS = """\
- Sid: OwnRuns
  Effect: Allow
  Action: [dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem]
  Resource: !Sub TABLE-ARN
  Condition:
    ForAllValues:StringLike:
      dynamodb:LeadingKeys: ["run_7dwmf*", "slot_7dwmf*"]
- Sid: LargePayloads
  Effect: Allow
  Action: [s3:GetObject, s3:PutObject]
  Resource: !Sub BUCKET-ARN/billing/*
- Sid: MissingPayloads
  Effect: Allow
  Action: [s3:ListBucket]
  Resource: !Sub BUCKET-ARN
  Condition:
    StringLike:
      s3:prefix: ["billing/*"]
- Sid: TellRecord
  Effect: Allow
  Action: [lambda:InvokeFunction]
  Resource: !Sub RECORD-ARN
"""


def written(text: str, words: tuple[str, str, str] = PSEUDO) -> str:
    """With what a tool calls partition, region and account."""
    partition, region, account = words
    name = f"once-prod-data-{account}-{region}"
    text = text.replace("BUCKET-NAME", name).replace("BUCKET-ARN", f"arn:{partition}:s3:::{name}")
    text = text.replace("TABLE-ARN", f"arn:{partition}:dynamodb:{region}:{account}:table/once-prod-runs")
    return text.replace("RECORD-ARN", f"arn:{partition}:lambda:{region}:{account}:function:once-prod-record")


def test_sam_of_a_wrapped_function() -> None:
    assert sam(PLACE, "tracked", "billing", "acme") == written(
        """\
Environment:
  Variables:
    ONCE_RUNS_TABLE: once-prod-runs
    ONCE_BUCKET: !Sub BUCKET-NAME
    ONCE_FUNCTION: billing
    ONCE_TENANT: acme
Policies:
  - Version: "2012-10-17"
    Statement:
"""
        + indent(RIGHTS, " " * 6)
        + """\
EventInvokeConfig:
  MaximumRetryAttempts: 0
  DestinationConfig:
    OnFailure:
      Type: Lambda
      Destination: !Sub RECORD-ARN
"""
    )


def test_sam_of_an_alias_whose_outcome_lambda_tells() -> None:
    assert sam(PLACE, "destination", "billing", "acme", "live") == written("""\
Policies:
  - Version: "2012-10-17"
    Statement:
      - Sid: TellRecord
        Effect: Allow
        Action: [lambda:InvokeFunction]
        Resource: !Sub RECORD-ARN
AutoPublishAlias: live
EventInvokeConfig:
  MaximumRetryAttempts: 0
  DestinationConfig:
    OnFailure:
      Type: Lambda
      Destination: !Sub RECORD-ARN
    OnSuccess:
      Type: Lambda
      Destination: !Sub RECORD-ARN
""")


def test_a_real_place_is_written_without_substitution() -> None:
    place = Place.at("once-prod", "111122223333", "eu-west-1")
    lines = sam(place, "tracked", "billing", "acme").splitlines()
    assert "    ONCE_BUCKET: once-prod-data-111122223333-eu-west-1" in lines
    assert lines[-1] == "      Destination: arn:aws:lambda:eu-west-1:111122223333:function:once-prod-record"
    told = '  fn.addEnvironment("ONCE_BUCKET", "once-prod-data-111122223333-eu-west-1");'
    assert told in cdk(place, "tracked", "billing", "acme").splitlines()


def test_serverless_of_a_wrapped_function() -> None:
    assert serverless(PLACE, "tracked", "billing", "acme") == written(
        """\
functions:
  billing:
    environment:
      ONCE_RUNS_TABLE: once-prod-runs
      ONCE_BUCKET: !Sub BUCKET-NAME
      ONCE_FUNCTION: billing
      ONCE_TENANT: acme
    maximumRetryAttempts: 0
    destinations:
      onFailure:
        type: function
        arn: !Sub RECORD-ARN
provider:
  iam:
    role:
      statements:
"""
        + indent(RIGHTS, " " * 8)
    )


def test_serverless_of_an_alias_whose_outcome_lambda_tells() -> None:
    assert serverless(PLACE, "destination", "billing", "acme", "live") == written("""\
functions:
  billing:
    maximumRetryAttempts: 0
    destinations:
      onFailure:
        type: function
        arn: !Sub RECORD-ARN
      onSuccess:
        type: function
        arn: !Sub RECORD-ARN
provider:
  iam:
    role:
      statements:
        - Sid: TellRecord
          Effect: Allow
          Action: [lambda:InvokeFunction]
          Resource: !Sub RECORD-ARN
# the framework makes no event invoke config of the alias live: see --show destinations
""")


def test_terraform_of_a_wrapped_function() -> None:
    assert terraform(PLACE, "tracked", "billing", "acme") == written(
        """\
data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

# in aws_lambda_function.billing: environment { variables = local.billing_once }
locals {
  billing_once = {
    ONCE_RUNS_TABLE = "once-prod-runs"
    ONCE_BUCKET = "BUCKET-NAME"
    ONCE_FUNCTION = "billing"
    ONCE_TENANT = "acme"
  }
}

resource "aws_iam_role_policy" "billing_once" {
  role   = aws_iam_role.billing.id
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [{
      "Sid" = "OwnRuns"
      "Effect" = "Allow"
      "Action" = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      "Resource" = "TABLE-ARN"
      "Condition" = {
        "ForAllValues:StringLike" = {
          "dynamodb:LeadingKeys" = ["run_7dwmf*", "slot_7dwmf*"]
        }
      }
    }, {
      "Sid" = "LargePayloads"
      "Effect" = "Allow"
      "Action" = ["s3:GetObject", "s3:PutObject"]
      "Resource" = "BUCKET-ARN/billing/*"
    }, {
      "Sid" = "MissingPayloads"
      "Effect" = "Allow"
      "Action" = ["s3:ListBucket"]
      "Resource" = "BUCKET-ARN"
      "Condition" = {
        "StringLike" = {
          "s3:prefix" = ["billing/*"]
        }
      }
    }, {
      "Sid" = "TellRecord"
      "Effect" = "Allow"
      "Action" = ["lambda:InvokeFunction"]
      "Resource" = "RECORD-ARN"
    }]
  })
}

resource "aws_lambda_function_event_invoke_config" "billing_once" {
  function_name          = aws_lambda_function.billing.function_name
  maximum_retry_attempts = 0
  destination_config {
    on_failure {
      destination = "RECORD-ARN"
    }
  }
  depends_on = [aws_iam_role_policy.billing_once]
}
""",
        DATA,
    )


def test_terraform_of_an_alias_whose_outcome_lambda_tells() -> None:
    assert terraform(PLACE, "destination", "billing", "acme", "live") == written(
        """\
data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

resource "aws_iam_role_policy" "billing_once" {
  role   = aws_iam_role.billing.id
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [{
      "Sid" = "TellRecord"
      "Effect" = "Allow"
      "Action" = ["lambda:InvokeFunction"]
      "Resource" = "RECORD-ARN"
    }]
  })
}

resource "aws_lambda_function_event_invoke_config" "billing_once" {
  function_name          = aws_lambda_function.billing.function_name
  qualifier              = "live"
  maximum_retry_attempts = 0
  destination_config {
    on_failure {
      destination = "RECORD-ARN"
    }
    on_success {
      destination = "RECORD-ARN"
    }
  }
  depends_on = [aws_iam_role_policy.billing_once]
}
""",
        DATA,
    )


@pytest.mark.parametrize("qualifier", ["", "live"])
def test_cdk(qualifier: str) -> None:
    assert cdk(PLACE, "destination", "billing", "acme", qualifier) == written(
        """\
import { Fn, aws_iam as iam, aws_lambda as lambda } from "aws-cdk-lib";

export function trackedByOnce(fn: lambda.Function): void {
  fn.addToRolePolicy(new iam.PolicyStatement({
    sid: "TellRecord",
    actions: ["lambda:InvokeFunction"],
    resources: [Fn.sub("RECORD-ARN")],
  }));
  new lambda.CfnEventInvokeConfig(fn, "InvokeOnce", {
    functionName: fn.functionName,
    qualifier: "QUALIFIER",
    maximumRetryAttempts: 0,
    destinationConfig: {
      onFailure: { destination: Fn.sub("RECORD-ARN") },
      onSuccess: { destination: Fn.sub("RECORD-ARN") },
    },
  }).node.addDependency(fn.role!);
}
""".replace("QUALIFIER", qualifier or "$LATEST")
    )


def test_cdk_gives_a_wrapped_function_its_settings_and_its_rights() -> None:
    assert written("""\
  fn.addEnvironment("ONCE_RUNS_TABLE", "once-prod-runs");
  fn.addEnvironment("ONCE_BUCKET", Fn.sub("BUCKET-NAME"));
  fn.addEnvironment("ONCE_FUNCTION", "billing");
  fn.addEnvironment("ONCE_TENANT", "acme");
  fn.addToRolePolicy(new iam.PolicyStatement({
    sid: "OwnRuns",
    actions: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
    resources: [Fn.sub("TABLE-ARN")],
    conditions: {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["run_7dwmf*", "slot_7dwmf*"]}},
  }));
  fn.addToRolePolicy(new iam.PolicyStatement({
    sid: "LargePayloads",
""") in cdk(PLACE, "tracked", "billing", "acme")
