"""The client without its I/O: what to send next and what an answer means, as generators and plain values.

    effects.py    Call, Reply, Lost, Pause, and Flow: a generator that yields what it wants done
    retry.py      may this call be tried again, and when
    requests.py   the service's requests, as Calls
    replies.py    its answers, as values or errors
    document.py   one run as the service described it
    flows.py      whole operations: start, get, result, cancel, output …
    steps.py      long ones, a step at a time: pages of a list, waiting, following logs
    adapter.py    effects to httpx and back; the only module here that imports it

`once.py` and `aio.py` carry flows out, one by blocking and one by awaiting; neither decides anything.
"""
