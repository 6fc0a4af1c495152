"""A stack in each state that CloudFormation can leave it in: what a deploy and an undeploy then ask for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from infra import stages
from infra.ship.account import on_aws
from infra.ship.artifacts import Deploy
from infra.ship.stack import DeployFailed, Stack

NEW = Deploy(2_000, "new", "new-template.json", {"ArtifactBucket": "b"})
REFUSED = {"LogicalResourceId": "Api", "ResourceStatus": "UPDATE_FAILED", "ResourceStatusReason": "No such thing"}
HELD = {"LogicalResourceId": "Bucket", "ResourceStatus": "DELETE_FAILED"}
CHECKED = {"LogicalResourceId": "Runs", "ValidationStatusReason": "a table of that name is there"}


class Account:
    """An AWS account with one stack, `status`; `after` says what a call makes of it, `asked` what was asked."""

    region_name = "eu-central-1"
    exceptions = SimpleNamespace(ClientError=ClientError)

    def __init__(self, status: str, after: dict[str, str] | None = None, **answers: Any) -> None:
        self.status, self.after, self.asked = status, after or {}, list[tuple[str, dict[str, Any]]]()
        self.answers = {
            "get_caller_identity": {"Account": "1" * 12}, "create_change_set": {"Id": "c"},
            "describe_change_set": {"Status": "CREATE_COMPLETE"}, "generate_presigned_url": "https://b/k",
            "list_buckets": {"Buckets": []}, "describe_events": {"OperationEvents": []},
            "get_template": {"TemplateBody": {"Resources": {}}}, **answers,
        }  # fmt: skip

    def client(self, _service: str, **_: Any) -> Account:
        return self

    def get_paginator(self, _name: str) -> Any:
        page = {"StackEvents": [REFUSED], "StackResourceSummaries": [HELD]}
        return SimpleNamespace(paginate=lambda **_: [page])

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        if self.status == "none":
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "it does not exist"}}, "DescribeStacks")
        known = [{"ParameterKey": "Content", "ParameterValue": "old"}]
        found = {"StackStatus": self.status, "Parameters": known, "CreationTime": datetime(2026, 1, 1, tzinfo=UTC)}
        self.status = self.after.get(self.status, self.status)
        return {"Stacks": [found]}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*_: Any, **given: Any) -> Any:
            self.asked.append((name, given))
            self.status = self.after.get(name, self.status)
            answer = self.answers.get(name, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def of(self, name: str) -> list[dict[str, Any]]:
        return [given for asked, given in self.asked if asked == name]


def stack(account: Account) -> Stack:
    return Stack(account, "http://127.0.0.1:1", "s")


UPDATED = {"execute_change_set": "UPDATE_COMPLETE"}


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"]
)
def test_a_whole_stack_is_updated(status: str) -> None:
    account = Account(status, UPDATED)
    assert stack(account).deploy_again(NEW)
    assert [given["ChangeSetType"] for given in account.of("create_change_set")] == ["UPDATE"]
    assert not account.of("delete_stack") and not account.of("continue_update_rollback")


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_stack_that_takes_no_update_is_deleted_and_created(status: str) -> None:
    account = Account(status, {"delete_stack": "none", "execute_change_set": "CREATE_COMPLETE"})
    assert stack(account).deploy_again(NEW)
    assert [given["ChangeSetType"] for given in account.of("create_change_set")] == ["CREATE"]
    assert len(account.of("delete_stack")) == 1


@pytest.mark.parametrize("status", ["none", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"])
def test_a_stack_that_is_not_there_is_created(status: str) -> None:
    """Under review: a command was killed between its change set and the execution."""
    account = Account(status, {"execute_change_set": "CREATE_COMPLETE"})
    assert stack(account).deploy_again(NEW)
    assert [given["ChangeSetType"] for given in account.of("create_change_set")] == ["CREATE"]
    assert not account.of("delete_stack")


def test_a_rollback_that_stuck_is_gone_on_with_and_then_updated() -> None:
    account = Account("UPDATE_ROLLBACK_FAILED", {"continue_update_rollback": "UPDATE_ROLLBACK_COMPLETE", **UPDATED})
    assert stack(account).deploy_again(NEW)
    order = [name for name, _ in account.asked if name in ("continue_update_rollback", "create_change_set")]
    assert order == ["continue_update_rollback", "create_change_set"]


def test_a_rollback_that_sticks_again_is_told_with_its_resource_and_the_runbook() -> None:
    account = Account("UPDATE_ROLLBACK_FAILED")
    with pytest.raises(DeployFailed, match=r"cannot be rolled back \(Api UPDATE_FAILED: No such thing\).*runbook"):
        stack(account).deploy_again(NEW)
    assert not account.of("create_change_set")


def test_what_another_command_began_is_waited_for() -> None:
    account = Account("CREATE_IN_PROGRESS", {"CREATE_IN_PROGRESS": "CREATE_COMPLETE", **UPDATED})
    assert stack(account).deploy_again(NEW)
    assert [given["ChangeSetType"] for given in account.of("create_change_set")] == ["UPDATE"]


def test_what_was_deployed_when_its_command_was_killed_can_be_had_back() -> None:
    account = Account("CREATE_COMPLETE", UPDATED)
    stack(account).deploy_again(NEW)
    kept = [given["Key"] for given in account.of("put_object") if given["Key"].startswith("deploys/")]
    assert kept == ["deploys/1767225600000.json", "deploys/2000.json"]


def test_what_refuses_to_be_deleted_is_left_behind() -> None:
    account = Account("CREATE_COMPLETE", {"delete_stack": "DELETE_FAILED"})
    with pytest.raises(DeployFailed, match="was not deleted"):
        stack(account).delete()
    assert account.of("delete_stack")[-1]["RetainResources"] == ["Bucket"]


@pytest.mark.parametrize("known", [True, False])
def test_a_refused_template_is_told_with_what_the_checks_found_where_they_can_be_asked(known: bool) -> None:
    refused = {"Status": "FAILED", "StatusReason": "It failed early checks"}
    unknown = ClientError({"Error": {"Code": "InvalidAction", "Message": "unknown"}}, "DescribeEvents")
    events = {"OperationEvents": [CHECKED]} if known else unknown
    account = Account("CREATE_COMPLETE", describe_change_set=refused, describe_events=events)
    told = "It failed early checks" + ("; Runs: a table of that name is there" if known else "")
    with pytest.raises(DeployFailed, match=f"refused the template: {told}$"):
        stack(account).deploy_again(NEW)


def test_a_template_that_changes_nothing_deploys_nothing() -> None:
    nothing = {"Status": "FAILED", "StatusReason": "The submitted information didn't contain changes."}
    account = Account("UPDATE_COMPLETE", describe_change_set=nothing)
    assert not stack(account).deploy_again(NEW)
    assert not account.of("execute_change_set")


@pytest.mark.parametrize("left", ["UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_FAILED", "none"])
def test_a_deploy_that_ends_otherwise_has_failed(left: str) -> None:
    account = Account("UPDATE_COMPLETE", {"execute_change_set": left})
    with pytest.raises(DeployFailed, match="was rolled back: Api UPDATE_FAILED: No such thing"):
        stack(account).deploy_again(NEW)
    assert "deploys/2000.json" not in [given["Key"] for given in account.of("put_object")]


def test_a_stage_s_tags_are_on_its_stack_and_protected_tables_outlive_a_failed_creation() -> None:
    stage = stages.load("prod")
    for protected in (True, False):
        account = Account("none", {"execute_change_set": "CREATE_COMPLETE"})
        on_aws(replace(stage, tags={"team": "orders"}, deletion_protection=protected), account).deploy_again(NEW)
        assert account.of("create_change_set")[0]["Tags"] == [{"Key": "team", "Value": "orders"}]
        assert account.of("execute_change_set")[0]["RetainExceptOnCreate"] is not protected
