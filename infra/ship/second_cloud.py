"""A second CloudFormation and a second look at policies: moto makes the stack, parliament reads the roles.

Run by `make audit` with a virtualenv of its own, as `second_cloud.py TEMPLATE`. moto has no alarms on sums, no event
invoke configs and no API from a definition: these are left out.
parliament wants `*` for dynamodb:ListStreams; AWS's own tutorial and SAM's policy template name the table's streams.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

STACK, REGION, ACCOUNT = "second", "eu-central-1", "123456789012"
UNKNOWN_TO_MOTO = frozenset({
    "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Lambda::EventInvokeConfig", "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription", "AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage",
})  # fmt: skip
ACCEPTED = (("RESOURCE_MISMATCH", "dynamodb:ListStreams"),)
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::StackName": STACK}
SHAPES = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/x",
    "AWS::S3::Bucket": "arn:aws:s3:::x",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:x",
}


def created(template: dict[str, Any]) -> str:
    """How moto's CloudFormation ends with it, and how many resources there are."""
    import boto3
    from moto import mock_aws  # type: ignore[import-not-found, unused-ignore]

    resources = {name: r for name, r in template["Resources"].items() if r["Type"] not in UNKNOWN_TO_MOTO}
    kept = {key: value for key, value in template.items() if key != "Conditions"} | {"Resources": resources}
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
        values = {name: p.get("Default") or "none" for name, p in template["Parameters"].items()}
        values["ArtifactBucket"] = "artifacts"
        for name in [name for name in values if name.endswith("Key")]:
            values[name] = name
            s3.put_object(Bucket="artifacts", Key=name, Body=_zip())
        cloudformation = boto3.client("cloudformation", region_name=REGION)
        cloudformation.create_stack(
            StackName=STACK, TemplateBody=json.dumps(kept), Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
        )  # fmt: skip
        status = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
        made = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        return f"{status}, {len(made)} of {len(resources)}"


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as opened:
        opened.writestr("app.py", "app = None\n")
    return held.getvalue()


def findings(template: dict[str, Any]) -> list[str]:
    """What parliament has against the roles' policies."""
    from parliament import analyze_policy_string  # type: ignore[import-not-found, unused-ignore]

    found = set()
    for name, resource in template["Resources"].items():
        for policy in (
            resource.get("Properties", {}).get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []
        ):
            document = json.dumps(_plain(policy["PolicyDocument"], template["Resources"]))
            for finding in analyze_policy_string(document).findings:
                if not any(finding.issue == issue and about in str(finding.detail) for issue, about in ACCEPTED):
                    found.add(f"{name}: {finding.issue} {finding.detail}")
    return sorted(found)


def _plain(value: Any, resources: dict[str, Any]) -> Any:
    match value:
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda m: PSEUDO.get(m[1]) or SHAPES[_kind(m[1], resources)], text)
        case {"Fn::GetAtt": [name, attribute]}:
            return SHAPES[_kind(name, resources)] + ("/stream/2026" if attribute == "StreamArn" else "")
        case dict():
            return {key: _plain(inner, resources) for key, inner in value.items()}
        case list():
            return [_plain(inner, resources) for inner in value]
    return value


def _kind(reference: str, resources: dict[str, Any]) -> str:
    return str(resources[reference.partition(".")[0]]["Type"])


def main() -> int:
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    template = json.loads(Path(sys.argv[1]).read_text())
    ended, wrong = created(template), findings(template)
    print(f"  moto: {ended}", *(f"  parliament: {line}" for line in wrong), sep="\n")
    whole = re.fullmatch(r"CREATE_COMPLETE, (\d+) of \1", ended)
    return 0 if whole and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
