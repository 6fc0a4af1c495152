"""What is copied for curl, once, Python and Node is run as it is pasted, against the deployed service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from infra.paths import ROOT
from tests.browser.conftest import on_the_stack
from tests.browser.driver import Dashboard

TOOLS = ("curl", "once", "Python", "Node")
#: What is printed after the copied text, where it prints its result in the language's own notation.
SAID = {"Python": "output if 'output' in globals() else run.output", "Node": "run.output"}
INPUT = {
    "text": 'it\'s "é" \\ $HOME `date` $(id)\n\u2028\U0001f600 null true',
    "n": 3,
    "none": None,
    "list": [True, False],
}


def copied(tab: Dashboard, tool: str) -> str:
    """What the button puts into the clipboard."""
    tab.page.get_by_role("button", name=tool, exact=True).click()
    return str(tab.page.get_by_role("region", name="Copy as").text_content())


def pasted(tab: Dashboard, tool: str, text: str, place: Path) -> Any:
    """What it prints, as JSON; Python's own notation read as such."""
    (place / "node_modules").mkdir(exist_ok=True)
    if not (place / "node_modules/invoke-once").exists():
        (place / "node_modules/invoke-once").symlink_to(ROOT / "node")
    path = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"
    env = {"PATH": path, "HOME": str(place), "ONCE_URL": tab.site.url, "ONCE_TOKEN": tab.site.token, "LANG": "C.UTF-8"}
    command = {
        "Python": [sys.executable, "-c", f"{text}\nimport json\nprint(json.dumps({SAID['Python']}))"],
        "Node": ["node", "--input-type=module", "-e", f"{text}\nconsole.log(JSON.stringify({SAID['Node']}))"],
    }.get(tool, ["bash", "-euo", "pipefail", "-c", text])
    done = subprocess.run(
        command, cwd=place, env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{tool}: {text}\n{done.stderr}"
    printed = done.stdout if tool in ("curl", "once") else done.stdout.rstrip("\n").rpartition("\n")[2]
    return json.loads(printed)


@on_the_stack
def test_a_start_is_copied_for_each_tool_and_all_of_them_mean_one_run(tab: Dashboard, tmp_path: Path) -> None:
    key = f"it's-{uuid.uuid4().hex[:8]}"
    tab.sign_in("#/start/echo")
    tab.page.get_by_label("Input, as JSON").fill(json.dumps(INPUT))
    tab.page.get_by_text("Options").click()
    tab.page.get_by_label("Idempotency key").fill(key)
    tab.page.get_by_label("Labels").fill("team=billing, env=prod")
    tab.page.get_by_label("Attempts").fill("2")
    tab.page.get_by_text("Copy as", exact=True).click()
    told = {tool: pasted(tab, tool, copied(tab, tool), tmp_path) for tool in TOOLS}
    (run,) = tab.site.call("GET", "/runs", params={"function": "echo", "key": key})["runs"]
    assert told.pop("curl")["id"] == run["id"]
    assert told == dict.fromkeys(TOOLS[1:], INPUT)
    assert (run["labels"], run["max_attempts"]) == ({"team": "billing", "env": "prod"}, 2)


@on_the_stack
def test_a_run_is_copied_for_each_tool_and_each_reads_its_output(tab: Dashboard, tmp_path: Path) -> None:
    run_id = tab.site.start("echo", INPUT)
    tab.sign_in(f"#/runs/{run_id}")
    tab.page.get_by_text("Copy as", exact=True).click()
    told = {tool: pasted(tab, tool, copied(tab, tool), tmp_path) for tool in TOOLS}
    told["curl"] = told["curl"]["output"]
    assert told == dict.fromkeys(TOOLS, INPUT)
