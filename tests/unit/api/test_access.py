"""Who may do what: every route with every scope, and with another tenant's token."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from msgspec.structs import replace

from app import app
from chalicelib.api.routes import entries
from chalicelib.batches import spread
from chalicelib.functions import Function
from chalicelib.tokens import CACHE_MS, SCOPES
from infra.template.gateway import SIGNED_PATH
from tests.unit.api.world import FUNCTIONS, Answered, World, fail

OPERATIONS = sorted(entries(app), key=lambda entry: (entry.uri_pattern, entry.method))
SECURED = [operation for operation in OPERATIONS if operation.view_function.scope]
OPEN = {"/", "/assets/{name}", "/docs", "/healthz", "/openapi.json"}


def ask(world: World, operation: Any, run_id: str, token: str | None, batch_id: str = "") -> Answered:
    """A good call of that operation."""
    batch_id = batch_id or run_id.replace("run_", "batch_")
    bulk_id = run_id.replace("run_", "bulk_")
    params = {"run_id": run_id, "name": "echo", "token_id": "0" * 16, "batch_id": batch_id, "bulk_id": bulk_id}
    used = {name: value for name, value in params.items() if f"{{{name}}}" in operation.uri_pattern}
    body: dict[str, Any] | None = None
    if operation.method == "POST":
        asked = {"/runs": {"function": "echo"}, "/batches": {"function": "echo", "items": [{}]},
                 "/bulk": {"action": "retry", "filter": {"function": "echo"}}}  # fmt: skip
        body = asked.get(operation.uri_pattern, {})
    return world.call(operation.method, operation.uri_pattern, json_body=body, token=token, **used)


def test_all_but_the_pages_need_a_token_or_an_aws_signature() -> None:
    without = [operation for operation in OPERATIONS if operation.view_function.scope is None]
    assert {op.uri_pattern for op in without if not op.view_function.about.signed} == OPEN
    assert {(op.method, op.uri_pattern) for op in without if op.view_function.about.signed} == {("POST", SIGNED_PATH)}
    assert {operation.view_function.scope for operation in SECURED} == set(SCOPES) - {"operator"}


def test_reading_needs_one_scope_and_changing_another() -> None:
    for operation in SECURED:
        administers = ("/tokens", "/webhook-secrets", "/functions/{name}/")
        if not operation.uri_pattern.startswith(administers):
            assert operation.view_function.scope == ("runs:read" if operation.method == "GET" else "runs:write")
        else:
            assert operation.view_function.scope == "admin"


@pytest.mark.parametrize("operation", SECURED, ids=lambda o: f"{o.method} {o.uri_pattern}")
def test_each_scope_opens_its_own_routes_and_no_other(world: World, operation: Any) -> None:
    run_id = world.post({"function": "echo", "callback": {"url": "https://example.com/"}}).json["id"]
    for scope in SCOPES:
        answer = ask(world, operation, run_id, world.issue("demo", scope))
        opens = {operation.view_function.scope, *(["operator"] if operation.view_function.scope == "admin" else [])}
        if scope in opens:
            assert answer.status not in (401, 403), answer.text
        else:
            assert answer.status == 403 and answer.json["type"] == "urn:invoke-once:forbidden"
            assert f'scope="{operation.view_function.scope}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("operation", SECURED, ids=lambda o: f"{o.method} {o.uri_pattern}")
def test_without_a_token_every_secured_route_is_401(world: World, operation: Any) -> None:
    assert ask(world, operation, "run_" + "a" * 26, None).status == 401


@pytest.mark.parametrize(
    "operation", [o for o in SECURED if "{run_id}" in o.uri_pattern], ids=lambda o: f"{o.method} {o.uri_pattern}"
)
def test_another_tenant_s_run_is_as_unknown_as_one_that_never_was(world: World, operation: Any) -> None:
    run_id = world.post({"function": "echo", "callback": {"url": "https://example.com/"}}).json["id"]
    before = world.head(run_id)
    other = world.issue("acme")
    theirs, nobodys = ask(world, operation, run_id, other), ask(world, operation, "run_" + "a" * 26, other)
    assert theirs.status == nobodys.status == 404
    assert theirs.text == nobodys.text and theirs.headers == nobodys.headers
    assert world.head(run_id) == before


def test_another_tenant_s_key_is_not_found_either(world: World) -> None:
    world.post(headers={"Idempotency-Key": "k"})
    answer = world.call("GET", "/runs", query={"key": "k"}, token=world.issue("acme"))
    assert answer.json == {"runs": [], "next_cursor": None}


class TestTokens:
    def make(self, world: World, **body: Any) -> Any:
        answer = world.call("POST", "/tokens", json_body=body)
        assert answer.status == 201, answer.text
        return answer.json

    def test_a_made_token_works_with_its_tenant_and_scopes(self, world: World) -> None:
        made = self.make(world, tenant="acme", scopes=["runs:read"])
        assert made["tenant"] == "acme" and made["scopes"] == ["runs:read"] and made["expires_at"] is None
        assert world.call("GET", "/runs", token=made["token"]).status == 200
        assert world.post(token=made["token"]).status == 403

    def test_without_more_it_is_for_the_caller_s_tenant_and_runs(self, world: World) -> None:
        made = self.make(world)
        assert made["tenant"] == "demo" and made["scopes"] == ["runs:read", "runs:write"]

    def test_it_ends_with_its_time(self, world: World) -> None:
        made = self.make(world, expires_in_seconds=60)
        world.clock.step(59_000)
        assert world.call("GET", "/runs", token=made["token"]).status == 200
        world.clock.step(1_000)
        assert world.call("GET", "/runs", token=made["token"]).status == 401

    def test_only_a_hash_is_stored(self, world: World) -> None:
        made = self.make(world)
        secret = made["token"].split("_", 2)[2]
        assert secret not in repr(world.tokens.tokens[made["id"]]) and len(secret) >= 40

    def test_lists_have_no_secrets_and_are_one_tenant_s(self, world: World) -> None:
        made = [self.make(world, tenant="acme") for _ in range(3)]
        listed = world.call("GET", "/tokens", query={"tenant": "acme"})
        assert sorted(t["id"] for t in listed.json["tokens"]) == sorted(t["id"] for t in made)
        assert "token" not in listed.json["tokens"][0] and "hash" not in listed.text
        assert len(world.call("GET", "/tokens").json["tokens"]) == 1

    def test_lists_come_in_pages(self, world: World) -> None:
        made = sorted(self.make(world, tenant="acme")["id"] for _ in range(5))
        found, cursor = [], {}
        while cursor is not None:
            page = world.call("GET", "/tokens", query={"tenant": "acme", "limit": "2", **cursor}).json
            found += [token["id"] for token in page["tokens"]]
            cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
        assert found == made

    def test_a_revoked_token_is_refused_at_once_here_and_within_a_minute_elsewhere(self, world: World) -> None:
        made = self.make(world, scopes=["runs:read"])
        assert world.call("GET", "/runs", token=made["token"]).status == 200
        world.tokens.delete(made["id"])  # by another process
        assert world.call("GET", "/runs", token=made["token"]).status == 200
        world.clock.step(CACHE_MS)
        assert world.call("GET", "/runs", token=made["token"]).status == 401
        assert CACHE_MS < 60_000

        again = self.make(world)
        assert world.call("GET", "/runs", token=again["token"]).status == 200
        assert world.call("DELETE", "/tokens/{token_id}", token_id=again["id"]).status == 204
        assert world.call("GET", "/runs", token=again["token"]).status == 401

    def test_a_token_that_is_not_there_cannot_be_revoked(self, world: World) -> None:
        for token_id in ("0" * 16, "../x", "", "X" * 16):
            assert world.call("DELETE", "/tokens/{token_id}", token_id=token_id).status == 404

    @pytest.mark.parametrize(
        "body",
        [
            {"tenant": "A B"},
            {"tenant": ""},
            {"tenant": "x#y"},
            {"scopes": []},
            {"scopes": ["root"]},
            {"scopes": "admin"},
            {"expires_in_seconds": 0},
            {"expires_in_seconds": -1},
            {"expires_in_seconds": 10**12},
            {"id": "x"},
            {"hash": "x"},
        ],
    )
    def test_an_odd_request_for_a_token_is_422(self, world: World, body: Any) -> None:
        before = len(world.tokens.tokens)
        assert world.call("POST", "/tokens", json_body=body).status == 422
        assert len(world.tokens.tokens) == before

    def test_a_token_is_read_once_a_minute(self, world: World) -> None:
        for _ in range(5):
            world.call("GET", "/runs")
        assert world.tokens.reads == 1


def test_an_admin_sees_a_tenants_webhook_secrets_and_no_log_line_has_them(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = world.call("GET", "/webhook-secrets")
    assert mine.json == {"tenant": "demo", "secrets": [{"secret": "whsec_of_demo"}, {"secret": "whsec_before_of_demo"}]}
    assert world.call("GET", "/webhook-secrets", query={"tenant": "acme"}).json["tenant"] == "acme"
    assert world.call("GET", "/webhook-secrets", query={"tenant": "A B"}).status == 400
    assert "whsec_" not in capsys.readouterr().out


def test_a_function_that_another_tenant_may_run_is_none_here(world: World) -> None:
    functions = {**FUNCTIONS, "theirs": Function("theirs", "t-theirs", tenants=("acme", "globex"))}
    world.backend = replace(world.backend, service=replace(world.service, functions=functions))
    acme = world.issue("acme")
    unknown = world.call("GET", "/functions/{name}", name="nobodys")
    assert world.call("GET", "/functions/{name}", name="theirs").text == unknown.text and unknown.status == 404
    assert world.call("GET", "/functions/{name}", name="theirs", token=acme).status == 200
    listed = [f["name"] for f in world.call("GET", "/functions").json["functions"]]
    assert listed == list(FUNCTIONS)
    assert "theirs" in world.call("GET", "/functions", token=acme).text
    refused, missing = world.post({"function": "theirs"}), world.post({"function": "nobodys"})
    assert (refused.status, refused.text) == (404, missing.text)
    assert world.post({"function": "theirs"}, token=acme).status == 202


class TestAdministratorsAndOperators:
    """An administrator is one of its own tenant; what is done in another's is an operator's."""

    def test_an_admin_reaches_no_other_tenant(self, world: World) -> None:
        token = world.issue("acme", "admin")
        theirs = world.token.split("_")[1]
        for refused in (
            world.call("POST", "/tokens", json_body={"tenant": "demo", "scopes": ["runs:read"]}, token=token),
            world.call("GET", "/tokens", query={"tenant": "demo"}, token=token),
            world.call("GET", "/webhook-secrets", query={"tenant": "demo"}, token=token),
            world.call("POST", "/tokens", json_body={"scopes": ["operator"]}, token=token),
        ):
            assert refused.status == 403 and 'scope="operator"' in refused.headers["www-authenticate"]
        missing = world.call("DELETE", "/tokens/{token_id}", token_id="0" * 16, token=token)
        hidden = world.call("DELETE", "/tokens/{token_id}", token_id=theirs, token=token)
        assert (hidden.status, hidden.text) == (404, missing.text) and theirs in world.tokens.tokens

    def test_an_admin_has_its_own_tenant_and_an_operator_every_one(self, world: World) -> None:
        for token, tenant in ((world.issue("acme", "admin"), "acme"), (world.issue("acme", "operator"), "demo")):
            made = world.call("POST", "/tokens", json_body={"tenant": tenant, "scopes": ["admin"]}, token=token)
            assert made.status == 201 and made.json["tenant"] == tenant
            assert world.call("GET", "/webhook-secrets", query={"tenant": tenant}, token=token).status == 200
            assert world.call("DELETE", "/tokens/{token_id}", token_id=made.json["id"], token=token).status == 204

    @pytest.mark.parametrize("tenant", ["demo\n", "demo\r", "demo\x00", "demo\u2028", "demo\x85"])
    def test_a_tenant_that_ends_in_a_line_end_is_none(self, world: World, tenant: str) -> None:
        assert world.call("POST", "/tokens", json_body={"tenant": tenant}).status == 422
        assert world.call("GET", "/tokens", query={"tenant": tenant}).status == 400


# Links


def linked(world: World, **asked: Any) -> tuple[str, str]:
    """An ended run with everything that a link does not show, and a link's token."""
    body = {"function": "echo", "input": {"secret": 1}, "labels": {"customer": "17"},
            "callback": {"url": "https://hook.example/?key=s3cret"}}  # fmt: skip
    run_id = world.post(body, headers={"Idempotency-Key": "order-17"}).json["id"]
    world.deliver(run_id)
    made = world.call("POST", "/runs/{run_id}/links", run_id=run_id, json_body=asked)
    assert made.status == 201, made.text
    return run_id, made.json["token"]


OPENED = {("GET", "/runs/{run_id}"), ("GET", "/runs/{run_id}/output")}


@pytest.mark.parametrize("operation", SECURED, ids=lambda o: f"{o.method} {o.uri_pattern}")
def test_a_link_opens_its_run_and_its_output_and_no_other_route(world: World, operation: Any) -> None:
    run_id, token = linked(world)
    other = world.post().json["id"]
    before, calls = world.head(run_id), len(world.targets.fired)
    answer, others = ask(world, operation, run_id, token), ask(world, operation, other, token)
    if (operation.method, operation.uri_pattern) in OPENED:
        assert (answer.status, others.status) == (200, 404)
    else:
        assert (answer.status, others.status) == (401, 401)
    assert (world.head(run_id), len(world.targets.fired)) == (before, calls)


OPENED_OF_A_BATCH = {("GET", "/batches/{batch_id}"), ("GET", "/batches/{batch_id}/results")}


@pytest.mark.parametrize("operation", SECURED, ids=lambda o: f"{o.method} {o.uri_pattern}")
def test_a_link_opens_its_batch_and_its_results_and_no_other_route(world: World, operation: Any) -> None:
    """Neither a route of the batch's own runs."""
    batch_id, other = (start_batch(world, key) for key in ("mine", "other"))
    token = world.call("POST", "/batches/{batch_id}/links", batch_id=batch_id, json_body={}).json["token"]
    run_id = world.call("GET", "/batches/{batch_id}/results", batch_id=batch_id).json["results"][0]["run_id"]
    assert world.head(run_id).status == "queued"
    before, calls = repr(world.bench.table.items), len(world.targets.fired)
    answer, others = (ask(world, operation, run_id, token, each) for each in (batch_id, other))
    if (operation.method, operation.uri_pattern) in OPENED_OF_A_BATCH:
        assert (answer.status, others.status) == (200, 404)
    else:
        assert (answer.status, others.status) == (401, 401)
    assert (repr(world.bench.table.items), len(world.targets.fired)) == (before, calls)


def start_batch(world: World, key: str) -> str:
    """A batch of one run, which is queued."""
    body = {"function": "echo", "items": [{}], "callback": {"url": "https://example.com/"}}
    batch_id: str = world.call("POST", "/batches", json_body=body, headers={"Idempotency-Key": key}).json["id"]
    spread.work(world.service, batch_id, threads=1)
    return batch_id


def test_a_link_shows_no_more_than_how_the_run_went(world: World) -> None:
    run_id, token = linked(world)
    shown = world.get(run_id, token=token)
    run = shown.json
    assert (run["id"], run["status"], run["output"]) == (run_id, "succeeded", {"secret": 1})
    assert (run["callback"], run["labels"], run["idempotency_key"]) == (None, {}, None)
    assert "deliveries" not in run["links"]
    assert not any(text in shown.text for text in ("s3cret", "customer", "order-17"))
    assert world.get(run_id, "/output", token=token).text == '{"secret": 1}'
    assert world.get(run_id, token=token, headers={"If-None-Match": shown.headers["etag"]}).status == 304


def test_a_link_to_a_failed_run_shows_no_trace(world: World) -> None:
    run_id = world.post({"function": "fail"}).json["id"]
    world.deliver(run_id, fail)
    assert world.get(run_id).json["error"]["trace"]
    token = world.call("POST", "/runs/{run_id}/links", run_id=run_id, json_body={}).json["token"]
    assert world.get(run_id, token=token).json["error"] == {"type": "ValueError", "message": "no", "trace": None}


def test_a_link_ends_with_its_time_and_its_key(world: World) -> None:
    run_id, token = linked(world, expires_in_seconds=60)
    world.clock.step(59_999)
    assert world.get(run_id, token=token).status == 200
    world.link_keys = [b"n" * 32, b"l" * 32]  # a young rotation: either key verifies
    assert world.get(run_id, token=token).status == 200
    world.link_keys = [b"n" * 32]
    assert world.get(run_id, token=token).status == 401
    world.link_keys = [b"l" * 32]
    world.clock.step(1)
    assert world.get(run_id, token=token).status == 401


def test_a_link_does_not_open_the_next_run_of_its_id(world: World) -> None:
    run_id, token = linked(world, expires_in_seconds=30 * 86_400)
    world.bench.table.items[run_id, "head"]["created_at"] += 1  # as a new run of the same key has it
    assert world.get(run_id, token=token).status == 404


def test_a_link_that_was_changed_opens_nothing(world: World) -> None:
    run_id, token = linked(world)
    other = world.post().json["id"]
    raw = base64.urlsafe_b64decode(token.removeprefix("oncelink_") + "==")
    for forged in (
        token[:-4],
        token + "A",
        token.replace("oncelink_", "once_"),
        "oncelink_" + base64.urlsafe_b64encode(raw.replace(run_id.encode(), other.encode())).decode().rstrip("="),
        "oncelink_" + base64.urlsafe_b64encode(raw[:-1] + b"9").decode().rstrip("="),
    ):
        for run in (run_id, other):
            assert world.get(run, token=forged).status == 401, forged


def test_other_sites_may_read_what_a_link_opens_and_nothing_else(world: World) -> None:
    run_id, token = linked(world)
    site = {"Origin": "https://elsewhere.example"}
    for part in ("", "/output"):
        for bearer, allowed in ((token, "*"), (token[:-4] + "AAAA", "*"), ("", None)):
            answer = world.get(run_id, part, token=bearer, headers=site)
            assert answer.headers.get("access-control-allow-origin") == allowed
        asked = site | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        before = world.call("OPTIONS", f"/runs/{{run_id}}{part}", run_id=run_id, token=None, headers=asked)
        assert (before.status, before.headers["access-control-allow-origin"]) == (204, "*")
        assert "Authorization" in before.headers["access-control-allow-headers"]
        for wrong in ({"Access-Control-Request-Method": "POST"}, {}):
            refused = world.call("OPTIONS", f"/runs/{{run_id}}{part}", run_id=run_id, token=None, headers=site | wrong)
            assert refused.status == 405 and "access-control-allow-origin" not in refused.headers
    assert world.get(run_id, "/input", headers=site).headers.get("access-control-allow-origin") is None
    closed = site | {"Access-Control-Request-Method": "GET"}
    assert world.call("OPTIONS", "/runs", token=None, headers=closed).status == 405


def test_a_link_is_made_by_who_may_write_and_costs_one_read(world: World) -> None:
    run_id, _ = linked(world)
    world.engine.calls.clear()
    answer = world.call("POST", "/runs/{run_id}/links", run_id=run_id, json_body={"expires_in_seconds": 60})
    assert (answer.status, world.engine.calls) == (201, ["get"])
    url, token = answer.json["url"], answer.json["token"]
    assert url.endswith(f"/#/runs/{run_id}?link={token}") and token not in url.partition("#")[0]
    for wrong in ({"expires_in_seconds": 0}, {"expires_in_seconds": 31 * 86_400}, {"for": "ever"}):
        assert world.call("POST", "/runs/{run_id}/links", run_id=run_id, json_body=wrong).status == 422


def test_a_linked_run_that_is_waited_for_holds_its_owner_s_place(world: World) -> None:
    run_id = world.post().json["id"]
    token = world.call("POST", "/runs/{run_id}/links", run_id=run_id, json_body={}).json["token"]
    world.meanwhile = lambda: world.deliver(run_id)
    answer = world.get(run_id, token=token, headers={"Prefer": "wait=5"})
    assert (answer.status, answer.json["status"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == "wait=5"
