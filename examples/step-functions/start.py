"""What a state machine invokes (`lambda:invoke.waitForTaskToken`): start a run whose end comes back with the token.

The token is the key, so that an invocation that comes twice starts one run. It needs ONCE_URL, ONCE_TOKEN and
LISTENER_URL, the address of `listen.py`; nothing is to be installed.
"""

import hashlib
import json
import os
from urllib.parse import quote
from urllib.request import Request, urlopen


def handler(event, _context):
    token = event["task_token"]
    callback = f"{os.environ['LISTENER_URL']}?task_token={quote(token, safe='')}"
    body = {"function": event["function"], "input": event["input"], "callback": {"url": callback}}
    headers = {
        "Authorization": f"Bearer {os.environ['ONCE_TOKEN']}",
        "Content-Type": "application/json",
        "Idempotency-Key": f'"task-{hashlib.sha256(token.encode()).hexdigest()}"',
    }
    request = Request(f"{os.environ['ONCE_URL']}/runs", json.dumps(body).encode(), headers)
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)["id"]
