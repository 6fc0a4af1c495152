"""What the pages say it costs comes from one place: the model, and the template for what costs without any run."""

from __future__ import annotations

import re
from typing import Any

from bench import model
from infra.paths import ROOT

DEPLOY = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
SCALE = (ROOT / "docs" / "explanation" / "scale.md").read_text()
ALARM_METRIC_USD = 0.10  # aws.amazon.com/cloudwatch/pricing: a standard alarm, by the metrics it looks at


def test_a_million_runs_cost_the_same_on_every_page() -> None:
    table = model.tables()["cost"].strip()
    assert table in SCALE
    together = float(re.findall(r"\*\*([0-9.]+)\*\*", table)[-1])
    said = re.findall(r"[Aa] million runs cost about (\d+) (?:USD|dollars)", DEPLOY + SCALE)
    assert len(said) >= 2 and {int(usd) for usd in said} == {round(together)}


def test_the_alarms_that_are_paid_for_are_those_of_the_template(template: dict[str, Any]) -> None:
    alarms = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = sum(sum("MetricStat" in one for one in alarm.get("Metrics", [])) or 1 for alarm in alarms)
    row = f"| {len(alarms)} alarms on {metrics} metrics, each charged | {metrics * ALARM_METRIC_USD:.2f} |"
    assert row in DEPLOY
