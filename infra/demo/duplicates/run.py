"""`make demo-duplicates`: real clients call a slow function once each. How often does its body run?

Four times over, on a local AWS of its own: the function as it is; the same, tracked, in Python and in Node.js; and
through the API, where
the answer to each first POST is lost on the way. The clients' timeout is shortened from minutes to two seconds, all
else is as they come. Exits 0 only if each call with us was one run and came back with the result.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from rich.console import Console

from infra.demo.duplicates import clients, report
from infra.demo.duplicates.clients import Call, Client
from infra.demo.duplicates.lab import PLAIN, TRACKED, TRACKED_NODE, Lab
from infra.demo.duplicates.proxy import Proxy, proxy
from infra.demo.duplicates.report import Row, Way
from infra.local.emulator import Emulator, EmulatorProblem
from infra.paths import LOCAL
from infra.ship.account import PROBLEMS
from infra.ship.deploy import deploy_locally
from infra.ship.layer import LayerFailed

HOME = LOCAL / "duplicates"
STACK = "invoke-once-duplicates"
CLIENT_TIMEOUT_S = 2.0
BODY_S = 3.0
WORKERS = 6  # of the tracked function, before it is called: two of each client's sends are on their way at once
SETTLE_PATIENCE_S = 30
FUNCTIONS: Mapping[Way, str] = {"plain": PLAIN, "tracked": TRACKED, "Node.js": TRACKED_NODE}


class Demo:
    """The lab, the proxy before it, and the service's API behind the same proxy."""

    def __init__(
        self, console: Console, lab: Lab, through: Proxy, api: dict[str, str],
        timeout_s: float = CLIENT_TIMEOUT_S, body_s: float = BODY_S,
    ) -> None:  # fmt: skip
        self._console, self._lab, self._proxy, self._api = console, lab, through, api
        self._timeout_s, self._body_s = timeout_s, body_s
        self._began = time.monotonic()

    def phase(self, way: Way, asked: dict[str, Client]) -> list[Row]:
        """All clients at once, one call each."""
        if not asked:
            return []
        self._say(f"{report.TITLES[way]}: {', '.join(asked)}")
        with ThreadPoolExecutor(len(asked)) as pool:
            names = {client: f"{way.lower()}-{uuid.uuid4().hex[:8]}" for client in asked}
            calls = {client: pool.submit(self._one, way, client, use, names[client]) for client, use in asked.items()}
            self._watch(calls, names)
        return [call.result() for call in calls.values()]

    def warm_api(self, calls: int) -> None:
        """As `Lab.warm`: so many starts at once have gone through the API."""
        warm = [Call(self._proxy.url, "count", {"counter": f"warm-{n}"}, 0, self._api) for n in range(calls)]
        with ThreadPoolExecutor(max(calls, 1)) as pool:
            list(pool.map(clients.by_once, warm))

    def _one(self, way: Way, client: str, use: Client, name: str) -> Row:
        if way == "API":
            self._proxy.lose_first_answer(name)
            payload = {"counter": name, "seconds": self._body_s}
            call = Call(self._proxy.url, "count", payload, self._timeout_s, self._api)
        else:
            payload = {"order": name, "seconds": self._body_s}
            call = Call(self._proxy.url, FUNCTIONS[way], payload, self._timeout_s, {})
        said = clients.use(use, call)
        runs = self._settled(way, name)
        row = Row(way, client, self._proxy.sends[name], runs, said.answer, said.error, said.seconds)
        self._say(f"  {client}: {row.sends} sent, {row.body_runs} body runs, {row.told}")
        return row

    def _settled(self, way: Way, name: str) -> int:
        """How often the body ran, when every call that was sent had the time to begin."""
        counted = self._lab.counted if way == "API" else self._lab.body_runs
        deadline = time.monotonic() + SETTLE_PATIENCE_S
        while way == "plain" and counted(name) < self._proxy.sends[name] and time.monotonic() < deadline:
            time.sleep(0.1)
        if way != "plain":
            time.sleep(0.5)  # for a second run that must not come
        return counted(name)

    def _watch(self, calls: dict[str, Future[Row]], names: dict[str, str]) -> None:
        while wait(calls.values(), timeout=15).not_done:
            still = {client: self._proxy.sends[names[client]] for client, call in calls.items() if not call.done()}
            if still:
                self._say("  … " + ", ".join(f"{client}: {sends} sent so far" for client, sends in still.items()))

    def _say(self, text: str) -> None:
        self._console.print(f"[dim]{time.monotonic() - self._began:4.0f} s[/]  {text}", soft_wrap=True)


def run(console: Console, only: set[str]) -> list[Row]:
    """Everything, on an emulator of its own that is gone afterwards."""
    chosen = {name: client for name, client in clients.OF_LAMBDA.items() if not only or name in only}
    of_api = {name: client for name, client in clients.OF_API.items() if not only or name in only}
    emulator = Emulator(HOME / "aws")
    with ThreadPoolExecutor(1) as pool:
        console.print("installing aws-sdk v2 and serverless 3 (npm, into .local/duplicates/node)")
        installed = pool.submit(clients.install_node)
        try:
            endpoint = emulator.start()
            console.print(f"a local AWS of its own: {endpoint}")
            deployed = deploy_locally(endpoint, HOME / "once.env", STACK)
            lab = Lab(endpoint, STACK)
            lab.build(HOME)
            installed.result()
            with proxy(endpoint) as through:
                api = {"ONCE_URL": deployed.url.replace(endpoint, through.url), "ONCE_TOKEN": deployed.token}
                demo = Demo(console, lab, through, api)
                rows = demo.phase("plain", chosen)
                lab.warm(TRACKED, WORKERS)
                rows += demo.phase("tracked", chosen)
                lab.warm(TRACKED_NODE, WORKERS)
                rows += demo.phase("Node.js", {name: use for name, use in chosen.items() if name == "sls invoke"})
                demo.warm_api(len(of_api))
                return [*rows, *demo.phase("API", of_api)]
        finally:
            emulator.forget()


def main() -> int:
    given = argparse.ArgumentParser(prog="make demo-duplicates", description=__doc__)
    given.add_argument(
        "--only",
        action="append",
        default=[],
        choices=[*clients.OF_LAMBDA, *clients.OF_API],
        help="only this client; may be repeated",
    )
    given.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here too")
    arguments = given.parse_args()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(", ".join(f"{name} {version}" for name, version in clients.versions().items()))
    try:
        rows = run(console, set(arguments.only))
    except (*PROBLEMS, EmulatorProblem, LayerFailed, clients.NodeMissing) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    report.show(console, rows)
    if arguments.markdown:
        arguments.markdown.write_text(report.markdown(rows))
    broken = [row for row in rows if not row.kept]
    for row in broken:
        print(f"not as promised: {row.client}, {report.TITLES[row.way]}: {row.body_runs} body runs, {row.told}")
    if not broken:
        console.print("With us, each call was one run of the body, and every client has its result.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
