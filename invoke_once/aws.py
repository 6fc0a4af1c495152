"""One botocore session per thread, for every client: a second session parses botocore's data again, 75 ms of CPU."""

from __future__ import annotations

import threading
from typing import Any

_of_thread = threading.local()


def session() -> Any:
    """This thread's session (sessions are not safe to share between threads; the clients they make are)."""
    if not hasattr(_of_thread, "session"):
        from botocore.session import get_session

        _of_thread.session = get_session()
    return _of_thread.session
