"""The stack: one change set made, executed and waited for; the same calls on the emulator and on AWS."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.ship.package import Package
from infra.template.storage import tls_only

CONTENT_TAG = "invoke-once:content"
PATIENCE_S = 1800
NO_CHANGE = ("didn't contain changes", "No updates are to be performed", "no changes")


class DeployFailed(Exception):
    """The stack is not as wanted; the message says which resource refused and why."""


class Stack:
    """One CloudFormation stack, by name."""

    def __init__(self, session: Any, endpoint: str | None, name: str) -> None:
        self.name = name
        self._session, self._endpoint = session, endpoint
        self._cloudformation = self.client("cloudformation")

    def client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint)

    @property
    def artifact_bucket(self) -> str:
        account = self.client("sts").get_caller_identity()["Account"]
        return f"{self.name}-artifacts-{account}-{self._session.region_name}"

    def describe(self) -> dict[str, Any] | None:
        """The stack as AWS describes it, or None."""
        try:
            described: dict[str, Any] = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except self._cloudformation.exceptions.ClientError as refusal:
            if "does not exist" in str(refusal):
                return None
            raise
        return None if described["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE") else described

    def outputs(self) -> dict[str, str]:
        described = self.describe()
        if described is None:
            raise DeployFailed(f"there is no stack {self.name}")
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def content(self) -> str | None:
        """What is deployed (package.content), if the stack is whole."""
        described = self.describe()
        if described is None or not described["StackStatus"].endswith("_COMPLETE") or _rolled_back(described):
            return None
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
        return tags.get(CONTENT_TAG)

    def deploy(self, package: Package, content: str) -> bool:
        """The stack is as the package says afterwards; False if nothing had to change."""
        bucket = self._artifacts()
        parameters = {"ArtifactBucket": bucket, **package.values} | self._upload(bucket, package)
        existing = self.describe()
        if existing and existing["StackStatus"] == "ROLLBACK_COMPLETE":
            self.delete()  # a first creation that failed can only be deleted
            existing = None
        template = self._put(bucket, package.template, "template.json")
        change_set = self._change_set(existing is None, bucket, template, parameters, content)
        if change_set is None:
            return False
        self._cloudformation.execute_change_set(ChangeSetName=change_set)
        self._wait()
        return True

    def delete(self) -> None:
        self._cloudformation.delete_stack(StackName=self.name)
        while (described := self.describe()) is not None:
            if described["StackStatus"] == "DELETE_FAILED":
                raise DeployFailed(f"{self.name} was not deleted: {self._why()}")
            time.sleep(self._pause())

    def _change_set(
        self, new: bool, bucket: str, template: str, parameters: Mapping[str, str], content: str
    ) -> str | None:
        """The id of a change set that is ready, None if it would change nothing."""
        created = self._cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=f"deploy-{time.time_ns()}",
            ChangeSetType="CREATE" if new else "UPDATE",
            TemplateURL=self._template_url(bucket, template),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": CONTENT_TAG, "Value": content}],
            Capabilities=["CAPABILITY_NAMED_IAM"],
            ImportExistingResources=new,  # what an earlier stack of this name left behind: its tables and bucket
        )["Id"]
        while True:
            described = self._cloudformation.describe_change_set(ChangeSetName=created, StackName=self.name)
            if described["Status"] == "CREATE_COMPLETE":
                return str(created)
            if described["Status"] == "FAILED":
                reason = described.get("StatusReason", "")
                if any(words in reason for words in NO_CHANGE):
                    self._cloudformation.delete_change_set(ChangeSetName=created, StackName=self.name)
                    return None
                raise DeployFailed(f"CloudFormation refused the template: {reason}")
            time.sleep(self._pause())

    def _template_url(self, bucket: str, key: str) -> str:
        url: str = self.client("s3").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        return url.partition("?")[0]

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            described = self.describe()
            if described is not None and not described["StackStatus"].endswith("_IN_PROGRESS"):
                if _rolled_back(described):
                    raise DeployFailed(f"{self.name} was rolled back: {self._why()}")
                return
            time.sleep(self._pause())
        raise DeployFailed(f"{self.name} is still changing after {PATIENCE_S / 60:.0f} minutes")

    def _why(self) -> str:
        """The first resource that failed, in CloudFormation's words."""
        events = self._cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        if not failed:
            return "CloudFormation does not say why"
        first = failed[-1]
        return f"{first['LogicalResourceId']} {first['ResourceStatus']}: {first.get('ResourceStatusReason', '')}"

    def _pause(self) -> float:
        return 0.1 if self._endpoint else 3.0

    def _artifacts(self) -> str:
        """The bucket that holds the zips, made if it is missing; private, encrypted (S3 does), and on AWS TLS only."""
        s3, bucket = self.client("s3"), self.artifact_bucket
        if bucket in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
            return bucket
        region = self._session.region_name
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **where)
        closed = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=closed)
        if self._endpoint is None:  # the emulator speaks http
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(tls_only(_bucket_arns(s3, bucket))))
        return bucket

    def _upload(self, bucket: str, package: Package) -> dict[str, str]:
        return {parameter: self._put(bucket, file, file.name) for parameter, file in package.zips.items()}

    def _put(self, bucket: str, file: Path, name: str) -> str:
        """The key of this content in the bucket; it is sent only if it is not there."""
        data = file.read_bytes()
        key = f"{hashlib.sha256(data).hexdigest()[:20]}-{name}"
        s3 = self.client("s3")
        try:
            s3.head_object(Bucket=bucket, Key=key)
        except s3.exceptions.ClientError:
            s3.put_object(Bucket=bucket, Key=key, Body=data)
        return key


def _bucket_arns(s3: Any, bucket: str) -> list[str]:
    whole = f"arn:{s3.meta.partition}:s3:::{bucket}"
    return [whole, f"{whole}/*"]


def _rolled_back(described: Mapping[str, Any]) -> bool:
    return "ROLLBACK" in described["StackStatus"] or described["StackStatus"].endswith("_FAILED")
