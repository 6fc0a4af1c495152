"""What happened, as a table; and whether it is what is promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

Way = Literal["plain", "tracked", "Node.js", "API"]
TITLES: dict[Way, str] = {
    "plain": "the function as it is",
    "tracked": "@tracked(attach=True)",
    "Node.js": "tracked(…, { attach: true })",
    "API": "through the API (first answer lost)",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One client's one call."""

    way: Way
    client: str
    sends: int
    body_runs: int
    answer: Any
    error: str
    seconds: float

    @property
    def kept(self) -> bool:
        """Without us: several runs. With us: one, and the client has its answer."""
        if self.way == "plain":
            return self.body_runs >= 3 and self.body_runs == self.sends
        return self.body_runs == 1 and self.answer is not None and not self.error

    @property
    def told(self) -> str:
        return self.error if self.error else "the result" if self.answer is not None else "nothing"


def show(console: Console, rows: list[Row]) -> None:
    table = Table("", "client", "sends", "body runs", "the client is told", "after", title="one call by each client")
    for column in (2, 3, 5):
        table.columns[column].justify = "right"
    last = ""
    for row in rows:
        runs = f"[{'green' if row.body_runs == 1 else 'red'}]{row.body_runs}[/]"
        way = "" if row.way == last else TITLES[row.way]
        if last and way:
            table.add_section()
        table.add_row(way, row.client, str(row.sends), runs, row.told, f"{row.seconds:.0f} s")
        last = row.way
    console.print(table)


def markdown(rows: list[Row]) -> str:
    """The same for docs/explanation/duplicates.md."""
    lines = ["| | client | sends | body runs | the client is told | after |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [TITLES[row.way], row.client, str(row.sends), f"**{row.body_runs}**", row.told, f"{row.seconds:.0f} s"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
