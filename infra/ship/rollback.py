"""`make rollback STAGE=…`: what was deployed before, deployed again; no older checkout is needed.

The template and the zips of each deploy are kept in the stack's bucket. Records and events of a release are read by the
one before, so nothing has to be converted. TO=CONTENT chooses a deploy; without it, the newest with other content.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

from infra import stages
from infra.ship.account import PROBLEMS, on_aws
from infra.ship.artifacts import Deploy
from infra.ship.stack import DeployFailed, Stack
from infra.stages import LOCAL


def rollback(stack: Stack, to: str = "") -> Deploy:
    """The deploy that is in force again; DeployFailed if there is none to go back to."""
    now = stack.outputs().get("Content")
    found = [
        deploy for deploy in stack.artifacts.deploys() if deploy.content == to or (not to and deploy.content != now)
    ]
    if not found:
        raise DeployFailed(f"{stack.name} has no deploy {to or 'before this one'} in {stack.artifacts.name}")
    stack.deploy_again(replace(found[0], at=time.time_ns() // 1_000_000))
    return found[0]


def main() -> int:
    try:
        stage = stages.load(sys.argv[1] if len(sys.argv) > 1 else LOCAL)
        if stage.name == LOCAL:
            raise DeployFailed("the stage `local` is the emulator: check out what you want, and `make up`")
        done = rollback(on_aws(stage), sys.argv[2] if len(sys.argv) > 2 else "")
    except PROBLEMS as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(
        f"{stage.stack} is as of {datetime.fromtimestamp(done.at / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC ({done.content})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
