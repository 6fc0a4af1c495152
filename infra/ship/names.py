"""What a stack's resources are called that outlive it: computed, so that they are found without the stack.

CloudFormation takes up what an earlier stack left (`ImportExistingResources`) only where the template says its name in
plain text; so the names of what is retained are written out at the deploy, where stack, account and Region are known.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.template.compute import SERVICE

#: type: the property that names it; these can be taken up by their names
NAMED_BY = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::Logs::LogGroup": "LogGroupName",
}


@dataclass(frozen=True)
class Names:
    """Of one stack, in one account and Region."""

    stack: str
    account: str
    region: str

    @property
    def tables(self) -> tuple[str, str]:
        return f"{self.stack}-runs", f"{self.stack}-tokens"

    @property
    def bucket(self) -> str:
        return f"{self.stack}-data-{self.account}-{self.region}"

    @property
    def artifacts(self) -> str:
        """The bucket of the zips and templates; not in the stack."""
        return f"{self.stack}-artifacts-{self.account}-{self.region}"

    @property
    def parameters(self) -> tuple[str, str]:
        return f"/{self.stack}/master-key", f"/{self.stack}/first-token"

    def log_groups(self, functions: Mapping[str, Any]) -> list[str]:
        """Of the service's functions, and of those of functions.toml that are deployed with it."""
        own = [name for name, function in functions.items() if function.deployed]
        return [f"/aws/lambda/{self.stack}-{name}" for name in [*SERVICE, *own]]

    def written_out(self, template: dict[str, Any]) -> dict[str, Any]:
        """The template, with the names of what is retained in plain text."""
        known = {"AWS::StackName": self.stack, "AWS::AccountId": self.account, "AWS::Region": self.region}
        found = copy.deepcopy(template)
        for resource in found["Resources"].values():
            if resource["Type"] in NAMED_BY and resource.get("DeletionPolicy") == "Retain":
                key = NAMED_BY[resource["Type"]]
                text = resource["Properties"][key]["Fn::Sub"]
                resource["Properties"][key] = re.sub(r"\$\{([^}]+)\}", lambda match: known[match[1]], text)
        return found
