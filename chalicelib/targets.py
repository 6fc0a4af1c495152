"""Which Lambda a name or ARN stands for, in the forms that Lambda's API takes (API reference, Invoke, FunctionName):

name[:qualifier]    account:function:name[:qualifier]    arn:PARTITION:lambda:REGION:ACCOUNT:function:name[:qualifier]
"""

from __future__ import annotations

import re

from msgspec import Struct

_FORM = re.compile(
    r"(?:(?:arn:(?P<partition>aws[a-z-]*):lambda:(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d):)?"
    r"(?P<account>\d{12}):function:)?(?P<name>[A-Za-z0-9_-]{1,64})"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[A-Za-z0-9_-]{1,128}))?"
)
LATEST = "$LATEST"


class Target(Struct, frozen=True):
    """A Lambda function, or one version or alias of it. An empty account or region is the stack's own."""

    name: str
    qualifier: str = ""
    account: str = ""
    region: str = ""
    partition: str = ""

    @property
    def latest(self) -> bool:
        return self.qualifier in ("", LATEST)


def parse(text: str) -> Target | None:
    """None: it is none of the forms."""
    found = _FORM.fullmatch(text)
    return Target(**{name: value or "" for name, value in found.groupdict().items()}) if found else None


def same_function(mine: Target, told: Target) -> bool:
    """Whether what Lambda told may be `mine`, whatever the qualifier."""
    elsewhere = (mine.account not in ("", told.account)) or (mine.region not in ("", told.region))
    return mine.name == told.name and not elsewhere
