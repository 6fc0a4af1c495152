"""The table of docs/explanation/security.md: what each function may do and why, written from the grants themselves.

`python -m infra.operate.security_doc` rewrites it after a change of infra/template/access.py or functions.toml.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.functions import load
from infra import stages
from infra.paths import FUNCTIONS_TOML, ROOT
from infra.template import access
from infra.template.access import Grant
from infra.template.compute import SERVICE

FILE = ROOT / "docs" / "explanation" / "security.md"
BEGIN, END = "<!-- begin: written by python -m infra.operate.security_doc -->", "<!-- end -->"
HEADER = "| functions | may | on | for |\n|---|---|---|---|"
NAMED = re.compile(r"(.*STACK-)([a-z0-9-]+)(.*)")
HERE = ":${AWS::Region}:${AWS::AccountId}:"


def table() -> str:
    """A row for each statement, of all functions that have it: functions, actions, resources, reason."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for name, grant in grants():
        on = folded([short(found).replace(f"STACK-{name}", "STACK-NAME") for found in grant.resources])
        rows.setdefault((quoted(grant.actions), quoted(on), grant.why), []).append(name)
    return "\n".join([HEADER, *(f"| {', '.join(names)} | {' | '.join(row)} |" for row, names in rows.items())])


def grants() -> Iterator[tuple[str, Grant]]:
    """(function, what it may do), in the order of the template; X-Ray's, an option, left out."""
    functions = list(load(FUNCTIONS_TOML, stages.load("prod").stack).values())
    for name in SERVICE:
        for grant in access.service(name, functions):
            yield name, grant
    for function in functions:
        if function.deployed:
            for grant in access.target(function):
                yield function.name, grant


def quoted(texts: Iterable[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def short(found: Any) -> str:
    """A resource as the table shows it: without what is the same everywhere."""
    if isinstance(found, dict):
        parts = found.get("Fn::GetAtt")
        found = ".".join(parts) if parts else found["Fn::Sub"]
    text: str = found.replace("arn:${AWS::Partition}:", "").replace(HERE, " ").replace("${AWS::StackName}", "STACK")
    return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", text).removesuffix(".Arn")


def folded(resources: list[str]) -> list[str]:
    """Those that differ in a function's name alone, as one: STACK-{report,sleep}."""
    found: dict[tuple[str, str], list[str]] = {}
    for text in resources:
        named = NAMED.fullmatch(text)
        before, name, after = named.groups() if named else (text, "", "")
        found.setdefault((before, after), []).append(name)
    return [
        f"{before}{names[0] if len(names) == 1 else '{' + ','.join(names) + '}'}{after}"
        for (before, after), names in found.items()
    ]


def rewritten(document: str) -> str:
    """The document with the table as it has to be."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> int:
    FILE.write_text(rewritten(FILE.read_text()))
    print(f"{FILE.relative_to(ROOT)}: {len(list(grants()))} statements")
    return 0


if __name__ == "__main__":
    sys.exit(main())
