"""The HTTP interface: one module per resource, and beside them what they share.

event ─▶ front.py ─▶ Chalice's dispatch ─▶ routes.py: token, scope, rate ─▶ a resource's view ─▶ Response ─▶ front.py

front.py      an event made whole before Chalice sees it; the middleware: 404, 405, the log line
routes.py     Chalice's Blueprint, and what an operation needs beside its route
call.py       one request, as a view sees it, and how it is answered
problems.py   every error the interface answers with (RFC 9457)
strictjson.py headers.py waiting.py cursor.py schemas.py   reading requests
auth.py       who calls
runs.py listing.py payloads.py logs.py deliveries.py tokens.py functions.py meta.py   the resources
openapi/      the document: what stands beside each view, and the schemas, put together
"""
