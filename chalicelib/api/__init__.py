"""The HTTP interface: one module per resource, and beside them what they share.

event ─▶ front.py: strict layer ─▶ auth.py, limits ─▶ a resource's view ─▶ Reply or Problem ─▶ front.py ─▶ answer

front.py      API Gateway's event in, API Gateway's answer out; every exception becomes a problem
routes.py     what a route needs (scope, query names) and says of itself, beside Chalice's own registration
call.py       one request, as a view sees it, and its Reply
problems.py   every error the interface answers with (RFC 9457)
strictjson.py headers.py prefer.py cursor.py schemas.py   reading requests
auth.py       who calls
runs.py listing.py payloads.py logs.py deliveries.py tokens.py functions.py meta.py   the resources
openapi.py    the document that describes them, made from the same schemas
"""
