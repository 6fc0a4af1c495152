"""Advice of checkov that this project does not follow, and why: written beside each resource it is about.

checkov reads `Metadata.checkov.skip` of a resource; so the template carries the reasons too. A check that is not
listed here has to pass (`make audit`).
"""

from __future__ import annotations

from typing import Any

#: resource type: {check: reason}
REASONS: dict[str, dict[str, str]] = {
    "AWS::Lambda::Function": {
        "CKV_AWS_115": "reserved concurrency is taken from the account's other functions: the operator decides, "
        "docs/how-to/runbook.md says how; the service is safe without",
        "CKV_AWS_116": "asynchronous invocations have destinations (EventInvokeConfig), which carry more than a dead "
        "letter; attend and sweep are repeated by the next sweep",
        "CKV_AWS_117": "it talks to AWS's endpoints and to public receivers; a VPC would need a NAT for both and "
        "bring callbacks nearer to what they must not reach",
        "CKV_AWS_173": "no secret is in the environment: names and limits only, encrypted by Lambda's own key",
    },
    "AWS::DynamoDB::Table": {
        "CKV_AWS_119": "encrypted by KMS under AWS's key for DynamoDB; a key of your own adds a price and a way to "
        "lose the data, and nothing here shares the table with another account",
    },
    "AWS::S3::Bucket": {
        "CKV_AWS_18": "only the service's roles reach it, through an API that logs each call; CloudTrail's data events "
        "are the account's choice",
        "CKV_AWS_21": "no key is written twice with other bytes (hashes, leases), and versions would keep what "
        "retention is to delete",
    },
    "AWS::SQS::Queue": {
        "CKV_AWS_27": "encrypted by SQS's own keys (SqsManagedSseEnabled), which checkov does not count",
    },
    "AWS::SNS::Topic": {
        "CKV_AWS_26": "CloudWatch may not publish to a topic under AWS's own key; alarms hold no data of runs",
    },
    "AWS::Logs::LogGroup": {
        "CKV_AWS_158": "encrypted by CloudWatch's own keys; the lines hold no payload and no secret",
        "CKV_AWS_338": "the stage decides how long lines are kept; prod keeps a year",
    },
    "AWS::ApiGateway::Stage": {
        "CKV_AWS_73": "tracing is an option of the stage (xray in infra/stages.toml)",
        "CKV_AWS_76": "the service writes a line a call itself; the gateway's log would need a role for the whole "
        "account and region",
        "CKV_AWS_120": "answers belong to one token and change from second to second: a cache would be wrong",
    },
}


def explained(template: dict[str, Any]) -> dict[str, Any]:
    """The template with each exception beside the resource that makes it."""
    for resource in template["Resources"].values():
        reasons = REASONS.get(resource["Type"])
        if reasons:
            skip = [{"id": check, "comment": reason} for check, reason in reasons.items()]
            resource.setdefault("Metadata", {})["checkov"] = {"skip": skip}
    return template
