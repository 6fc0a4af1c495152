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
from infra.ship.account import on_aws, plainly
from infra.ship.artifacts import Deploy
from infra.ship.stack import DeployFailed, Stack
from infra.stages import LOCAL


def rollback(stack: Stack, to: str = "") -> Deploy:
    """The deploy that is in force again; DeployFailed if there is none to go back to."""
    now = stack.outputs().get("Content")
    known = stack.artifacts.deploys()
    found = next((one for one in known if one.content == to or (not to and one.content != now)), None)
    if found is None:
        raise DeployFailed(f"{stack.name} has no deploy {to or 'before this one'} in {stack.artifacts.name}")
    stack.deploy_again(replace(found, at=time.time_ns() // 1_000_000))
    return found


def main() -> None:
    stage = stages.load(sys.argv[1] if len(sys.argv) > 1 else LOCAL)
    if stage.name == LOCAL:
        raise DeployFailed("the stage `local` is the emulator: check out what you want, and `make up`")
    done = rollback(on_aws(stage), sys.argv[2] if len(sys.argv) > 2 else "")
    at = datetime.fromtimestamp(done.at / 1000, UTC)
    print(f"{stage.stack} is as of {at:%Y-%m-%d %H:%M:%S} UTC ({done.content})")


if __name__ == "__main__":
    sys.exit(plainly(main))
