/** Mistakes planted in the library, one at a time: the tests have to notice each. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { fileURLToPath } from "node:url";

const NODE = fileURLToPath(new URL("..", import.meta.url));
const FIRED = "handler/fired.test.js", DIRECT = "handler/direct.test.js", LEGS = "handler/legs.test.js", VECTORS = "life/vectors.test.js";

/** [what is wrong, file, before, after, the tests that notice] */
const MUTANTS = [
  ["the fence is not the lease's", "life/move.js", "lease_id: head.lease_id", 'lease_id: "any" || head.lease_id', FIRED],
  ["a guard's arms are forgotten", "life/move.js", "guard: made.guard.map(", "guard: made.guard.slice(1).map(", VECTORS],
  ["any of the conditions is enough", "life/conditions.js", '.every((part)', '.some((part)', VECTORS],
  ["a missing attribute compares as true", "life/conditions.js", "!isMissing(found) &&", "isMissing(found) ||", VECTORS],
  ["a refusal does not bring the winner", "store/request.js", '"ALL_OLD"', '"NONE"', VECTORS],
  ["ADD sets", "life/move.js", "(after[name] ?? 0) + value", "value", FIRED],
  ["set_once sets again", "life/move.js", "after[name] ??= value", "after[name] = value", FIRED],
  ["a duplicate throws", "handler/fired.js", "return { ...summary(envelope.runId, claimed.head), duplicate: true };", "throw new Error();", FIRED],
  ["a duplicate runs the body", "handler/fired.js", "if (!claimed.applied)", "if (!claimed.applied && !claimed.head)", FIRED],
  ["the event's own reference is read", "handler/fired.js", "rt.payloads.input(head)", "rt.payloads.input({ ...head, input_ref: envelope.inputRef })", FIRED],
  ["the call returns when the watchdog has recorded", "handler/body.js", "await working(attempt, async () => handler(event, context))", "await Promise.race([working(attempt, async () => handler(event, context)), new Promise((end) => setTimeout(end, 0))])", FIRED],
  ["the outcome is recorded twice", "handler/attempt.js", "this.#settled ??= this.#settle(outcome);", "this.#settled = this.#settle(outcome);", FIRED],
  ["a timed-out run is fired again beside its body", "handler/attempt.js", "Math.max(atMs, this.#deadlineMs + LEASE_GRACE_MS)", "atMs", FIRED],
  ["a retry forgets the cancel", "handler/attempt.js", 'ended = { status: "cancelled" };', "return result;", FIRED],
  ["progress is written each time", "handler/attempt.js", "this.#rt.now() - this.#toldMs >= TELL_EVERY_MS", "true", FIRED],
  ["the last progress is lost", "handler/attempt.js", "fields = asKept(this.#pending)", "fields = {}", FIRED],
  ["a repeated write is not recognised", "store/store.js", "if (wroteItBefore(move, found))", "if (false)", FIRED],
  ["what is refused for good is tried again", "errors.js", "return FOR_GOOD.some(", "return false && FOR_GOOD.some(", FIRED],
  ["a beat goes beyond the deadline", "handler/attempt.js", "Math.min(this.#rt.now() + leaseMs, this.#deadlineMs)", "(this.#rt.now() + leaseMs + this.#deadlineMs)", FIRED],
  ["the claim token is not in the line", "handler/body.js", "claim: head.claim_token, ", "", FIRED],
  ["a superseded attempt is not told", "handler/attempt.js", "this.#see(result.applied ? result.head : null)", "this.#see(result.head)", FIRED],
  ["a state is a reference to the handler's own object", "handler/checkpoints.js", "this.pending = { seq: this.#seq, text, atMs: nowMs };", "this.pending = { seq: this.#seq, get text() { return Buffer.from(JSON.stringify(state)); }, atMs: nowMs };", LEGS],
  ["the end of a leg forgets the newest checkpoint", "handler/attempt.js", "{ head, not_before: notBefore, token, asked: outcome.asked ?? false, told }, state)", "{ head, not_before: notBefore, token, asked: true, told }, null)", LEGS],
  ["a leg never ends by itself", "handler/attempt.js", 'if (this.#head.on_timeout === "continue" && this.#checkpoints.isLegOver(nowMs))', "if (false)", LEGS],
  ["legs go on for ever", "handler/attempt.js", "if (head.leg >= head.max_legs)", "if (false)", LEGS],
  ["the next leg begins beside the old body", "handler/attempt.js", "const notBefore = this.#notBefore(outcome,", "const notBefore = this.#notBefore({},", LEGS],
  ["a large state keeps the small one's place", "store/states.js", "if (itemSize(now) <= HEAD_BYTES)", "if (false)", LEGS],
  ["a vanished attempt is waited for", "life/due.js", "head.lease_until < nowMs", "false", DIRECT],
  ["an equal call is equal for ever", "handler/direct/slots.js", "+ windowMs < rt.now()", "+ windowMs < 0", DIRECT],
  ["equal payloads in another order are not", "handler/direct/canonical.js", ".sort(byCodePoint)", "", DIRECT],
  ["a taken-over run gets the other call's input", "handler/direct/call.js", "this.#event = given;", "", DIRECT],
  ["nothing at the key is a key", "handler/direct/keys.js", "if (isMissing(found)) throw", "if (false) throw", DIRECT],
  ["a failed message is taken for done", "handler/direct/batches.js", "      failed.push(message.messageId);\n      errors.push(error);", "      errors.push(error);", DIRECT],
  ["a direct call's error is kept from its caller", "handler/direct/call.js", "if (failed && tells(settled.head, error)) throw error;", "if (failed) return null;", DIRECT],
  ["half a surrogate pair is any other one", "life/keys.js", "if (text.isWellFormed())", "if (true)", VECTORS],
];

const place = mkdtempSync(join(tmpdir(), "invoke-once-mutants-"));
after(() => rmSync(place, { recursive: true }));
for (const part of ["src", "test", "package.json"]) cpSync(join(NODE, part), join(place, part), { recursive: true });

/** Whether the tests in `file` pass. A mistake may make them hang: that is noticed too. */
function passes(file) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env; // with it, a test inside a test runs nothing
  return new Promise((resolve) => {
    const run = spawn(process.execPath, [join(place, "test", file)], { stdio: "ignore", env, timeout: 20_000 });
    run.on("exit", (code) => resolve(code === 0));
  });
}

for (const [what, file, before, after_, noticed] of MUTANTS) {
  test(`noticed: ${what}`, async () => {
    const path = join(place, "src", file), right = readFileSync(path, "utf8");
    assert.equal(right.split(before).length, 2, `${file} has not ${before} once`);
    writeFileSync(path, right.replace(before, () => after_));
    try {
      assert.equal(await passes(noticed), false, "the tests pass with it");
    } finally {
      writeFileSync(path, right);
    }
  });
}

test("without a mistake they pass", async () => {
  for (const file of [FIRED, DIRECT, LEGS, VECTORS]) assert.ok(await passes(file), file);
});
