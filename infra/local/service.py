"""`make up`, `make down`, `make status`, `make clean-local`: the local AWS of this checkout.

`down`, `status` and `forget` need nothing installed; `up` deploys with the project's virtualenv.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from infra.local.emulator import Emulator, EmulatorProblem
from infra.paths import EMULATOR_STATE, ENV_FILE


def instance() -> Emulator:
    """The one emulator of this checkout."""
    return Emulator(EMULATOR_STATE)


def chosen_port() -> int | None:
    """ONCE_PORT, or None for any."""
    text = os.environ.get("ONCE_PORT", "").strip()
    if not text:
        return None
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise EmulatorProblem(f"ONCE_PORT is {text!r}: give a port number from 1 to 65535.")
    return int(text)


def up() -> None:
    """The local AWS runs, the service is deployed on it, .local/once.env says how to reach it."""
    from infra.ship.account import PROBLEMS
    from infra.ship.deploy import deploy_locally, package_locally

    port = chosen_port()
    print("starting the local AWS", flush=True)
    with ThreadPoolExecutor(1) as beside:  # what is deployed for the first time is packaged while it starts
        packaging = None if ENV_FILE.exists() else beside.submit(package_locally)
        url = instance().start(port)
        print(f"  {url}", flush=True)
        try:
            deployed = deploy_locally(url, ENV_FILE, packaging=packaging)
        except PROBLEMS as problem:
            raise EmulatorProblem(f"The service was not deployed: {problem}") from problem
    print(
        f"the service is up: {deployed.url}  (settings in .local/{ENV_FILE.name}, `make down` stops it)",
        flush=True,
    )


def down() -> None:
    instance().stop()
    print("the local AWS is stopped; its state is kept")


def status() -> None:
    emulator = instance()
    print(f"running at {emulator.url}" if emulator.is_running() else "not running: `make up` starts it")


def forget() -> None:
    instance().forget()
    ENV_FILE.unlink(missing_ok=True)
    print("the local AWS and its data are gone")


def main() -> int:
    commands = {"up": up, "down": down, "status": status, "forget": forget}
    command = commands.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if command is None:
        print(f"usage: python -m infra.local.service {'|'.join(commands)}", file=sys.stderr)
        return 2
    try:
        command()
    except EmulatorProblem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
