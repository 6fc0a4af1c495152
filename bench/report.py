"""What was found, as the result's keys, as tables, and in the docs between their markers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench import machine, model
from bench.bars import BARS, Bar
from bench.model import MILLION, READ_UNIT, WRITE_UNIT
from bench.samples import Ratio, markdown, quantile, ratio
from infra.paths import ROOT

RESULTS = ROOT / "bench" / "results"
PERFORMANCE, SCALE = ROOT / "docs" / "explanation" / "performance.md", ROOT / "docs" / "explanation" / "scale.md"
Result = dict[str, Any]
#: Phases that return keys of the result as they are, and "raw".
KEYED = ("cost", "legs", "batches", "gates")
#: Peers that were not run here, as their providers describe them: name, calls, USD for a million runs, a second start.
PUBLISHED = (
    (
        "Step Functions Standard, one task (aws.amazon.com/step-functions/pricing)",
        "StartExecution, DescribeExecution a poll", "25 a transition, at least one a run",
        "the same name and input: the running execution; afterwards refused for 90 days",
    ),
    (
        "Lambda durable functions, one step (aws.amazon.com/lambda/pricing)",
        "Invoke with an execution name, checkpoints", "16 (start and step), and 0.25 a GB written",
        "the same name and payload: the existing execution",
    ),
)  # fmt: skip


def result(found: Mapping[str, Any], about: Mapping[str, Any], began: float) -> Result:
    """The keys of the bars, and everything behind them."""
    ratios = _ratios(found)
    made: Result = {key: value.value for key, value in ratios.items()}
    for phase in KEYED:
        made |= {key: value for key, value in found.get(phase, {}).items() if key != "raw"}
    if "callbacks" in found:
        made["callback_p95_s"] = quantile(found["callbacks"]["runs_s"], 0.95)
    if "waiting" in found:
        made["wait_8min_usd_per_million"] = model.waiting(480).usd_per_million
        made["wait_2s_added_latency_p95_s"] = quantile(found["waiting"]["late_s"], 0.95)
    if "low_rates" in found and "waiting" in found:
        made["model_vs_emulator"] = model.off_by(model.predicted(found["low_rates"], found["waiting"]))
    at = datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds")
    return made | {
        "measured_at": at,
        "machine": dict(about),
        "intervals": {key: [value.low, value.high] for key, value in ratios.items()},
        "raw": dict(found),
    }


def _ratios(found: Mapping[str, Any]) -> dict[str, Ratio]:
    ratios = {}
    if (cold := found.get("imports")) is not None:
        ratios["wrapper_import_vs_powertools"] = ratio(cold["wrapper"], cold["powertools"])
        ratios["wrapper_import_vs_boto3_client"] = ratio(cold["wrapper"], cold["boto3_client"])
        ratios["api_import_vs_bare"] = ratio(cold["api"], cold["bare_api"])
        if "node_tracked" in cold:
            ratios["node_import_vs_client"] = ratio(cold["node_tracked"], cold["node_client"])
    if (warm := found.get("warm")) is not None:
        ratios["wrapper_warm_vs_powertools"] = ratio(warm["ours_cpu"], warm["powertools_cpu"])
        ratios["wrapper_warm_wall_vs_powertools"] = ratio(warm["ours"], warm["powertools"])
    if (post := found.get("post")) is not None:
        ratios["post_vs_glue"] = ratio(post["ours"], post["glue"])
    if rates := found.get("batches", {}).get("raw"):
        ratios["batch_10k_fire_rate_vs_glue"] = ratio(rates["fired_per_s"], rates["glue_per_s"])
    if (grown := found.get("growth")) is not None:
        for what in ("poll", "list"):
            ratios[f"{what}_100k_vs_100"] = ratio(grown[what][_largest(grown[what])], grown[what]["100"])
        ratios["sweep_100k_vs_0"] = ratio(grown["sweep"][_largest(grown["sweep"])], grown["sweep"]["0"])
    return ratios


def _largest(by_size: Mapping[str, Any]) -> str:
    return max(by_size, key=int)


def write(made: Result, *, whole: bool) -> Path:
    """bench/results/latest.json and the docs' tables; of part of a run, partial.json alone."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / ("latest.json" if whole else "partial.json")
    path.write_text(json.dumps(made, indent=1) + "\n")
    if whole:
        fill(PERFORMANCE, {name: table(made) for name, table in TABLES.items()})
        fill(SCALE, model.tables(made["raw"]["low_rates"], made["raw"]["waiting"]))
    return path.relative_to(ROOT)


def fill(document: Path, tables: Mapping[str, str]) -> None:
    """Put each table between its markers, `<!-- bench:NAME -->` and `<!-- end -->`."""
    text = document.read_text()
    for name, table in tables.items():
        between = re.compile(rf"(<!-- bench:{re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = between.subn(lambda m, table=table: f"{m[1]}{table}\n{m[2]}", text)  # type: ignore[misc]
        if count != 1:
            raise ValueError(f"{document.name} has {count} places for the table {name}")
    document.write_text(text)


def shown(made: Result) -> str:
    """The bars as lines of text."""
    rows = [(bar.key, _value(made.get(bar.key), bar.unit), bar.bound, _verdict(made, bar)) for bar in BARS]
    return "\n".join(f"  {key:32} {value:>10}   {bound:8} {verdict}" for key, value, bound, verdict in rows)


def _verdict(made: Result, bar: Bar) -> str:
    value = made.get(bar.key)
    return "" if value is None else "ok" if bar.holds(value) else "NOT HELD"


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "USD":
        return f"{value:.0f} USD"
    return f"{value:.2f} {unit}" if unit in ("×", "s") else f"{value:g} {unit}"


def ratios_table(made: Result) -> str:
    rows = []
    for bar in BARS:
        low_high = made["intervals"].get(bar.key)
        spread = f"{low_high[0]:.2f} to {low_high[1]:.2f}" if low_high else "counted" if bar.unit != "s" else ""
        rows.append((bar.what, _value(made.get(bar.key), bar.unit), spread, bar.bound))
    return markdown(("what", "measured", "95 % interval", "bar"), rows)


def samples_table(made: Result) -> str:
    """The medians behind the ratios."""
    raw = made["raw"]
    cold = [(f"cold import: {name.replace('_', ' ')}", values, "ms CPU") for name, values in raw["imports"].items()]
    warm = [
        ("one warm call: `@tracked`", raw["warm"]["ours_cpu"], "ms CPU"),
        ("one warm call: Powertools", raw["warm"]["powertools_cpu"], "ms CPU"),
        ("the same with the emulator's time: `@tracked`", raw["warm"]["ours"], "ms"),
        ("the same with the emulator's time: Powertools", raw["warm"]["powertools"], "ms"),
    ]
    post = [("POST /runs", raw["post"]["ours"], "ms"), ("the glue's POST", raw["post"]["glue"], "ms")]
    rows = [
        (name, f"{median(values):.1f} {unit}", _spread(values), str(len(values)))
        for name, values, unit in (*cold, *warm, *post)
    ]
    return markdown(("what", "median", "10th to 90th percentile", "samples"), rows)


def _spread(values: Sequence[float]) -> str:
    return f"{quantile(values, 0.1):.1f} to {quantile(values, 0.9):.1f}"


def calls_table(made: Result) -> str:
    """Each AWS call of one run, with its units."""
    counted = made["raw"]["cost"]["raw"]
    plain, called = counted["one_run"], counted["one_run_with_callback"]
    height = max(len(plain), len(called))
    padded = [[*calls, *[""] * (height - len(calls))] for calls in (plain, called)]
    return markdown(("a run", "a run with a callback"), list(zip(*padded, strict=True)))


def growth_table(made: Result) -> str:
    grown = made["raw"]["growth"]
    sizes = sorted({int(size) for what in ("poll", "list", "sweep") for size in grown[what]})
    rows = [
        (
            what,
            *(
                f"{median(grown[what][n]):.1f} ms, {grown['units'][what][n]:g} RRU" if n in grown[what] else ""
                for n in map(str, sizes)
            ),
        )
        for what in ("poll", "list", "sweep")
    ]
    return markdown(("stored runs", *(f"{n:,}".replace(",", " ") for n in sizes)), rows)


def callbacks_table(made: Result) -> str:
    rows = []
    for at in made["raw"]["callbacks"]["rates"]:
        late = [f"{at[key]:.2f} s" if at[key] is not None else "" for key in ("p50_s", "p95_s", "max_s")]
        asked, came = f"{at['owed_per_second']:.0f}", f"{at['delivered_per_second']:.0f}"
        rows.append((f"{at['rate']}", asked, came, f"{at['came']} of {at['owed']}", *late))
    return markdown(("a second", "owed", "delivered", "arrived", "median", "95th", "last"), rows)


def tenants_table(made: Result) -> str:
    rows = []
    for name, at in made["raw"]["tenants"].items():
        times = [f"{at['per_second']:.0f} a second", f"{at['p50_ms']:.0f} ms", f"{at['p95_ms']:.0f} ms"]
        busiest = [f"{at['busiest'][index]:.0%}" for index in ("by_tenant", "due")]
        rows.append((f"{name} tenant{'' if name == 'one' else 's'}", *times, *busiest))
    head = ("starts by", "rate", "median", "95th", "busiest partition of by_tenant", "of due")
    return markdown(head, rows)


def peers_table(made: Result) -> str:
    """Measured peers, then published ones."""
    ran, cold = made["raw"]["peers"], made["raw"]["imports"]
    poll = made["read_units_per_poll"]
    rows = [
        _peer("invoke-once", [*ran["ours"]["calls"][:1], "Invoke", *ran["ours"]["calls"][1:]],
              made["write_units_per_run"], poll, median(cold["wrapper"]), ran["ours"]),
        _peer("hand-written: Event and a row", ran["glue"]["calls"], ran["glue"]["write_units"], 1,
              median(cold["boto3_client"]), ran["glue"]),
        _peer("Powertools idempotency (synchronous)", ran["powertools"]["calls"], ran["powertools"]["write_units"], 0,
              median(cold["powertools"]), ran["powertools"]),
        _peer("Zappa `@task(capture_response)`", ran["zappa"]["calls"], ran["zappa"]["write_units"], 0.5,
              median(cold["zappa"]), ran["zappa"]),
    ]  # fmt: skip
    rows += [(f"{name}, published", calls, "", usd, "", second) for name, calls, usd, second in PUBLISHED]
    head = (
        "",
        "AWS calls of a run",
        "write units",
        "USD for a million runs and polls",
        "cold import",
        "a second delivery",
    )
    return markdown(head, rows)


def _peer(
    name: str, calls: Sequence[str], writes: float, poll: float, import_ms: float, ran: Mapping[str, Any]
) -> tuple[str, ...]:
    usd = (writes * WRITE_UNIT + poll * READ_UNIT) * MILLION
    ran_twice = (
        "the body runs again" if ran["bodies_of_two"] > 1 else f"refused, with {len(ran['calls_of_second'])} call"
    )
    return name, ", ".join(calls), f"{writes:g}", f"{usd:.2f}", f"{import_ms:.0f} ms CPU", ran_twice


def machine_table(made: Result) -> str:
    about = made["machine"]
    words = machine.shown(list(about["versions"]), about["versions"])
    return (
        f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, {about['system']}, "
        f"Python {about['python']}; {words}. "
        f"Measured {made['measured_at'][:10]}, load {about['load_at_start']} at the start."
    )


TABLES = {
    "ratios": ratios_table,
    "samples": samples_table,
    "calls": calls_table,
    "growth": growth_table,
    "callbacks": callbacks_table,
    "tenants": tenants_table,
    "peers": peers_table,
    "machine": machine_table,
}
