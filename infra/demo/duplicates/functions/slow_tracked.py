"""The same function, tracked: equal calls while it runs, and for a minute after, get its one answer."""

from __future__ import annotations

import slow

from invoke_once import tracked

handler = tracked(attach=True)(slow.handler)
