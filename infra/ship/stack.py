"""The stack: one change set made, executed and waited for; the same calls on the emulator and on AWS.

    nothing, or REVIEW_IN_PROGRESS               created
    ROLLBACK_COMPLETE and other failed creations deleted, then created: they can only be deleted
    UPDATE_ROLLBACK_FAILED                       its rollback is gone on with, then updated
    anything that ends _COMPLETE                 updated

What an earlier stack of this name left behind (tables, bucket, retained log groups) is taken up with its content.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from infra.ship.artifacts import Artifacts, Deploy
from infra.ship.names import Names
from infra.ship.package import Package

CONTENT = "Content"  # the parameter and the output that say what is deployed
PATIENCE_S = 1800
NO_CHANGE = ("didn't contain changes", "No updates are to be performed", "no changes")
#: a creation that failed, or a deletion that did: such a stack takes no update
ONLY_TO_DELETE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
STUCK = "UPDATE_ROLLBACK_FAILED"


class DeployFailed(Exception):
    """The stack is not as wanted; the message says which resource refused and why."""


class Stack:
    """One CloudFormation stack, by name. `tags`: of the stack, and so of all its resources."""

    def __init__(
        self, session: Any, endpoint: str | None, name: str, *, tags: Mapping[str, str] | None = None,
        protected: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.tags, self.protected = name, dict(tags or {}), protected
        self._session, self._endpoint = session, endpoint
        self._cloudformation = self.client("cloudformation")

    def client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint)

    @cached_property
    def names(self) -> Names:
        account = self.client("sts").get_caller_identity()["Account"]
        return Names(self.name, account, self._session.region_name)

    @cached_property
    def artifacts(self) -> Artifacts:
        return Artifacts(self._session, self._endpoint, self.names)

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
        return self.outputs().get(CONTENT)

    def deploy(self, package: Package, content: str) -> bool:
        """The stack is as the package says afterwards; False if nothing had to change."""
        self.artifacts.ensure()
        zips = {parameter: self.artifacts.put(file) for parameter, file in package.zips.items()}
        parameters = {"ArtifactBucket": self.artifacts.name, **package.values, **zips}
        template = self.names.written_out(json.loads(package.template.read_text()))
        key = self.artifacts.put_bytes(json.dumps(template, indent=1).encode(), "template.json")
        return self.deploy_again(Deploy(time.time_ns() // 1_000_000, content, key, parameters))

    def deploy_again(self, deploy: Deploy) -> bool:
        """The same for a template and zips that are in the bucket."""
        described = self._settled()
        if described and described["StackStatus"] == STUCK:
            described = self._go_on_rolling_back()
        if described and described["StackStatus"] in ONLY_TO_DELETE:
            self.delete()
            described = None
        if described:
            self._remember(described)
        change_set = self._change_set(described is None, deploy)
        if change_set is None:
            return False
        asked = {"ChangeSetName": change_set, "RetainExceptOnCreate": not self.protected}
        self._cloudformation.execute_change_set(**asked)
        self._done(self._settled())
        self.artifacts.remember(deploy)
        return True

    def _remember(self, described: Mapping[str, Any]) -> None:
        """What is deployed, where its command was killed and CloudFormation finished alone: it can be had back too."""
        values = {one["ParameterKey"]: one["ParameterValue"] for one in described.get("Parameters", [])}
        content, newest = values.pop(CONTENT, ""), next(self.artifacts.deploys(), None)
        if newest and newest.content == content:
            return
        template = self._cloudformation.get_template(StackName=self.name, TemplateStage="Original")["TemplateBody"]
        key = self.artifacts.put_bytes(json.dumps(template, indent=1).encode(), "template.json")
        ended = described.get("LastUpdatedTime") or described["CreationTime"]
        self.artifacts.remember(Deploy(int(ended.timestamp() * 1000), content, key, values))

    def delete(self) -> None:
        """The stack is gone, also one that is half there. What cannot be deleted is left behind."""
        self._settled()
        self._cloudformation.delete_stack(StackName=self.name)
        described = self._settled()
        if described and described["StackStatus"] == "DELETE_FAILED":
            left = self._undeleted()
            self._cloudformation.delete_stack(StackName=self.name, RetainResources=left)
            if self._settled() is not None:
                raise DeployFailed(f"{self.name} was not deleted: {self._why()}")

    def _undeleted(self) -> list[str]:
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        found = [resource for page in pages for resource in page["StackResourceSummaries"]]
        return [r["LogicalResourceId"] for r in found if r["ResourceStatus"] == "DELETE_FAILED"]

    def _go_on_rolling_back(self) -> dict[str, Any] | None:
        self._cloudformation.continue_update_rollback(StackName=self.name)
        described = self._settled()
        if described and described["StackStatus"] == STUCK:
            raise DeployFailed(
                f"{self.name} cannot be rolled back ({self._why()}): docs/how-to/runbook.md says what to do"
            )
        return described

    def _change_set(self, new: bool, deploy: Deploy) -> str | None:
        """The id of a change set that is ready, None if it would change nothing."""
        parameters = {**deploy.parameters, CONTENT: deploy.content}
        created = self._cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=f"deploy-{time.time_ns()}",
            ChangeSetType="CREATE" if new else "UPDATE",
            TemplateURL=self.artifacts.url(deploy.template),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": key, "Value": value} for key, value in self.tags.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
            ImportExistingResources=True,
        )["Id"]
        while True:
            described = self._cloudformation.describe_change_set(ChangeSetName=created, StackName=self.name)
            if described["Status"] == "CREATE_COMPLETE":
                return str(created)
            if described["Status"] == "FAILED":
                reason = described.get("StatusReason", "")
                unchanged = any(words in reason for words in NO_CHANGE)
                why = [] if unchanged else [reason, *self._found_wrong(created)]
                self._cloudformation.delete_change_set(ChangeSetName=created, StackName=self.name)
                if not why:
                    return None
                raise DeployFailed(f"CloudFormation refused the template: {'; '.join(why)}")
            time.sleep(self._pause())

    def _settled(self) -> dict[str, Any] | None:
        """The stack once nothing of it is in progress; None if there is none."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            described = self.describe()
            if described is None or not described["StackStatus"].endswith("_IN_PROGRESS"):
                return described
            time.sleep(self._pause())
        raise DeployFailed(f"{self.name} is still changing after {PATIENCE_S / 60:.0f} minutes")

    def _done(self, described: Mapping[str, Any] | None) -> None:
        if described is None or _rolled_back(described):
            raise DeployFailed(f"{self.name} was rolled back: {self._why()}")

    def _why(self) -> str:
        """The first resource that failed in the last operation, in CloudFormation's words."""
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.name)
        failed: list[str] = []
        for event in (event for page in pages for event in page["StackEvents"]):  # newest first
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                failed.append(f"{event['LogicalResourceId']} {event['ResourceStatus']}: {reason}")
            if reason == "User Initiated" and event["LogicalResourceId"] == self.name:
                break
        told = failed[-1:] or ["CloudFormation does not say why"]
        return "; ".join([*told, *self._found_wrong()])

    def _found_wrong(self, change_set: str = "") -> list[str]:
        """What CloudFormation's own checks found before it began, where it says so (DescribeEvents)."""
        of = {"ChangeSetName": change_set} if change_set else {"StackName": self.name}
        try:
            events = self._cloudformation.describe_events(**of, Filters={"FailedEvents": True})["OperationEvents"]
        except self._cloudformation.exceptions.ClientError:
            return []
        told = [event for event in events if "ValidationStatusReason" in event]
        return [f"{event.get('LogicalResourceId', '')}: {event['ValidationStatusReason']}" for event in told]

    def _pause(self) -> float:
        return 0.1 if self._endpoint else 3.0


def _rolled_back(described: Mapping[str, Any]) -> bool:
    return "ROLLBACK" in described["StackStatus"] or described["StackStatus"].endswith("_FAILED")
