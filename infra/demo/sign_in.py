"""`make dashboard`, and the end of `make run`: a link that signs a browser of this machine in, once.

The link carries a token of ten minutes behind the `#`, which no browser sends anywhere. The dashboard exchanges it
for a token of its session, revokes it and takes it out of the address (chalicelib/web/frame/sign-in.js).
"""

from __future__ import annotations

import sys

from infra.paths import ENV_FILE
from infra.ship.env_files import read_env
from invoke_once.client import Once
from invoke_once.errors import InvokeOnceError

LIFE_S = 600
SCOPES = ("runs:read", "runs:write", "admin", "operator")


def link(once: Once) -> str:
    """A new link to the dashboard of the service that `once` is a client of."""
    made = once.tokens.create(scopes=SCOPES, expires_in_seconds=LIFE_S)
    return f"{once.url.rstrip('/')}/#/sign-in/{made['token']}"


def main() -> int:
    if not ENV_FILE.exists():
        print("error: there is no local service: `make up` starts it", file=sys.stderr)
        return 1
    env = read_env(ENV_FILE)
    try:
        with Once(env["ONCE_URL"], env["ONCE_TOKEN"]) as once:
            print(link(once))
    except InvokeOnceError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
