"""The demo's data: a CSV of orders, a few megabytes, the same bytes on every machine."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROWS = 60_000
COUNTRIES = ("AT", "BR", "CA", "DE", "FR", "IN", "JP", "KE", "MX", "NO", "PT", "US")
NOTES = ("", "", "", "gift", "leave at the door", "call before, please", 'marked "fragile"')
FIRST_ORDER = datetime(2026, 1, 1, tzinfo=UTC)


def write(file: Path, rows: int = ROWS) -> int:
    """Write it; the number of rows, the header not counted."""
    chance = random.Random(20260101)
    at = FIRST_ORDER
    with file.open("w", encoding="utf-8", newline="") as out:
        out.write("order_id,customer,country,ordered_at,quantity,price,note\n")
        for number in range(1, rows + 1):
            at += timedelta(seconds=chance.randint(1, 480))
            note = chance.choice(NOTES).replace('"', '""')
            out.write(
                f"{100_000 + number},c{chance.randint(1, 9_000):05d},{chance.choice(COUNTRIES)},"
                f"{at:%Y-%m-%dT%H:%M:%SZ},{chance.randint(1, 12)},{chance.lognormvariate(3, 0.8):.2f},"
                f"{chr(34) + note + chr(34) if note else ''}\n"
            )
    return rows
