"""What IAM would say to a request: its rules for one account, as far as the template uses them.

IAM User Guide, "Policy evaluation logic" and "Condition operators": an Allow is needed, any Deny wins; `*` and `?`
match any text; every operator and every key of a Condition has to hold; the values of a key are alternatives;
`ForAllValues:` holds for each value of the request, and where there is none.
The operators it does not know are errors, never a pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Context = Mapping[str, str | list[str]]


def allowed(statements: Iterable[Mapping[str, Any]], action: str, resource: str, context: Context) -> bool:
    """Whether a role with these statements (filled in) may do `action` on `resource`."""
    effects = {s["Effect"] for s in statements if _applies(s, action, resource, context)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    return (
        any(matches(pattern, action, case=False) for pattern in _list(statement["Action"]))
        and any(matches(pattern, resource) for pattern in _list(statement["Resource"]))
        and all(
            _holds(operator, key, _list(values), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, key: str, values: list[str], context: Context) -> bool:
    given = _list(context.get(key, []))
    for_all, _, name = operator.rpartition(":")
    compare = {
        "StringEquals": lambda value, wanted: value == wanted,
        "StringLike": lambda value, wanted: matches(wanted, value),
        "Bool": lambda value, wanted: value == wanted,
    }[name]
    held = [any(compare(value, wanted) for wanted in values) for value in given]
    return all(held) if for_all == "ForAllValues" else bool(held) and all(held)


def matches(pattern: str, text: str, *, case: bool = True) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(expression, text, 0 if case else re.IGNORECASE) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
