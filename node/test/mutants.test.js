/**
 * Mistakes planted in the library, one at a time: the tests have to notice each. A copy of library and tests is loaded
 * in a thread of its own for each mistake, and one test, which has to fail then and to pass without it.
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

const NODE = fileURLToPath(new URL("..", import.meta.url));
const HANGS_MS = 60_000;
const FIRED = "handler/fired.test.js", DIRECT = "handler/direct.test.js", LEGS = "handler/legs.test.js", VECTORS = "life/vectors.test.js";

/** [what is wrong, file, before, after, the test that notices] */
const MUTANTS = [
  ["a write is not fenced", "life/move.js", "guard: made.guard.map(", 'guard: made.guard.filter((n) => !ARMS[n].name.startsWith("my ")).map(', FIRED, "of a superseded attempt is refused, and `check` says so"],
  ["a guard's arms are forgotten", "life/move.js", "guard: made.guard.map(", "guard: made.guard.slice(1).map(", VECTORS, "register: 60 requests are Python's"],
  ["any of the conditions is enough", "life/conditions.js", '.every((part)', '.some((part)', VECTORS, "claim: the same arms hold, and leave the same item"],
  ["a missing attribute compares as true", "life/conditions.js", "!isMissing(found) &&", "isMissing(found) ||", VECTORS, "claim: the same arms hold, and leave the same item"],
  ["a refusal does not bring the winner", "store/request.js", '"ALL_OLD"', '"NONE"', VECTORS, "register: 60 requests are Python's"],
  ["ADD sets", "life/move.js", "(after[name] ?? 0) + value", "value", FIRED, "that throws goes back to the queue while a retry is left, after its backoff"],
  ["set_once sets again", "life/move.js", "after[name] ??= value", "after[name] = value", FIRED, "that throws goes back to the queue while a retry is left, after its backoff"],
  ["a duplicate throws", "handler/fired.js", "return { ...summary(envelope.runId, claimed.head), duplicate: true };", "throw new Error();", FIRED, "delivered again while it runs, or after its end, does not run the body again"],
  ["a duplicate runs the body", "handler/fired.js", "if (!claimed.applied)", "if (!claimed.applied && !claimed.head)", FIRED, "two workers at once: one runs the body"],
  ["the event's own reference is read", "handler/fired.js", "rt.payloads.input(head)", "rt.payloads.input({ ...head, input_ref: envelope.inputRef })", FIRED, "whose input is given by reference reads the head's, never the event's own"],
  ["the call returns when the watchdog has recorded", "handler/body.js", "await working(attempt, async () => handler(event, context))", "await Promise.race([working(attempt, async () => handler(event, context)), new Promise(setImmediate)])", FIRED, "records timed_out before the kill, and the call does not return while the body is pending"],
  ["the outcome is recorded twice", "handler/attempt.js", "this.#settled ??= this.#settle(outcome);", "this.#settled = this.#settle(outcome);", FIRED, "records timed_out before the kill, and the call does not return while the body is pending"],
  ["a timed-out run is fired again beside its body", "handler/ending.js", "Math.max(atMs, this.#deadlineMs + LEASE_GRACE_MS)", "atMs", FIRED, "sends it back to the queue where a retry is left, and not before Lambda has killed it"],
  ["a retry forgets the cancel", "handler/ending.js", 'ended = { status: "cancelled" };', "return result;", FIRED, "a retry after a cancel is none: the run ends cancelled"],
  ["progress is written each time", "handler/attempt.js", "this.#rt.now() - this.#toldMs >= TELL_EVERY_MS", "true", FIRED, "is one write per 2 s, and the last is in the outcome"],
  ["the last progress is lost", "handler/ending.js", "{ ...this.#telling.fields, ", "{ ", FIRED, "is one write per 2 s, and the last is in the outcome"],
  ["a repeated write is not recognised", "store/store.js", "if (wroteItBefore(move, found))", "if (false)", FIRED, "the outcome is tried again, and a lost answer is recognised"],
  ["what is refused for good is tried again", "errors.js", "return FOR_GOOD.some(", "return false && FOR_GOOD.some(", FIRED, "what is refused for good is not tried again: the run ends failed at once"],
  ["a beat goes beyond the deadline", "handler/attempt.js", "Math.min(this.#rt.now() + leaseMs, this.#deadlineMs)", "(this.#rt.now() + leaseMs + this.#deadlineMs)", FIRED, "with a heartbeat keeps a short lease alive, never beyond the deadline"],
  ["the claim token is not in the line", "handler/body.js", "claim: head.claim_token, ", "", FIRED, "each line of a run's own carries its claim token"],
  ["a superseded attempt is not told", "handler/attempt.js", "this.#see(result.applied ? result.head : null)", "this.#see(result.head)", FIRED, "of a superseded attempt is refused, and `check` says so"],
  ["a state is a reference to the handler's own object", "handler/checkpoints.js", "this.pending = { seq: this.#seq, text, atMs: nowMs };", "this.pending = { seq: this.#seq, get text() { return Buffer.from(JSON.stringify(state)); }, atMs: nowMs };", LEGS, "a retry begins at the state; what is changed after a checkpoint is not in it"],
  ["the end of a leg forgets the newest checkpoint", "handler/ending.js", 'await this.#telling.apply("continue_later", given, state)', 'await this.#telling.apply("continue_later", { ...given, asked: true }, null)', LEGS, "twenty seconds of work by a ten-second function: each page once, one attempt"],
  ["a leg never ends by itself", "handler/attempt.js", 'if (this.#head.on_timeout === "continue" && checkpoints.isLegOver(nowMs))', "if (false)", LEGS, "twenty seconds of work by a ten-second function: each page once, one attempt"],
  ["legs go on for ever", "handler/ending.js", "if (head.leg >= head.max_legs)", "if (false)", LEGS, "no more legs than max_legs; too large a state is refused, and the one before stays"],
  ["the next leg begins beside the old body", "handler/ending.js", "const notBefore = this.#notBefore(outcome,", "const notBefore = this.#notBefore({},", LEGS, "a body that never gets to its end is continued by the watchdog, not before Lambda has killed it"],
  ["a small state has a place of its own", "store/states.js", "if (itemSize(now) <= HEAD_BYTES)", "if (false)", LEGS, "checkpoints are one write per 2 s, and cost a plain run nothing"],
  ["a vanished attempt is waited for", "life/due.js", "head.lease_until < nowMs", "false", DIRECT, "a run whose attempt has vanished is taken over, with its own input"],
  ["an equal call is equal for ever", "handler/direct/slots.js", "+ windowMs < rt.now()", "+ windowMs < 0", DIRECT, "attach: equal calls while the first runs, and shortly after, share its answer; a later one is a new run"],
  ["equal payloads in another order are not", "handler/direct/canonical.js", ".sort(byCodePoint)", "", DIRECT, "attach: equal calls while the first runs, and shortly after, share its answer; a later one is a new run"],
  ["a taken-over run gets the other call's input", "handler/direct/call.js", "this.#event = given;", "", DIRECT, "a run whose attempt has vanished is taken over, with its own input"],
  ["nothing at the key is a key", "handler/direct/keys.js", "if (isMissing(found)) throw", "if (false) throw", DIRECT, "nothing at its key is an error, and no run"],
  ["a failed message is taken for done", "handler/direct/batches.js", "      failed.push(message.messageId);\n      errors.push(error);", "      errors.push(error);", DIRECT, "each message is a run; what failed is reported, and alone comes again"],
  ["a direct call's error is kept from its caller", "handler/direct/call.js", "if (failed && tells(settled.head, error)) throw error;", "if (failed) return null;", DIRECT, "attach: the first's error is thrown to all under its own name"],
  ["a late event asks nothing", "handler/fired.js", "envelope.firedAt + LATE_MS < rt.now()", "false", FIRED, "while its function was paused is left unclaimed; once it is resumed, an event begins the body"],
  ["whether it is paused is asked each time", "handler/paused.js", "nowMs < atMs + KEPT_MS", "false", FIRED, "while its function was paused is left unclaimed; once it is resumed, an event begins the body"],
  ["half a surrogate pair is any other one", "life/keys.js", "if (text.isWellFormed())", "if (true)", VECTORS, "ids and shards are Python's, lone surrogates included"],
];

const place = mkdtempSync(join(tmpdir(), "invoke-once-mutants-"));
after(() => rmSync(place, { recursive: true }));
for (const part of ["src", "test", "package.json"]) cpSync(join(NODE, part), join(place, part), { recursive: true });
for (const file of [FIRED, DIRECT, LEGS, VECTORS]) {
  const path = join(place, "test", file);
  writeFileSync(path, readFileSync(path, "utf8").replace('from "node:test"', 'from "../mutation/collected.js"'));
}

/** Which of the tests `names` of `file` fail, in its thread; or why that cannot be said. */
function failing(file, names) {
  return new Promise((resolve) => {
    const thread = new Worker(join(place, "test/mutation/worker.js"), { workerData: { file, names }, stderr: true });
    const late = setTimeout(() => thread.terminate(), HANGS_MS);
    let told = "it hangs";
    thread.on("message", (failed) => { told = failed; });
    thread.on("error", (error) => { told = String(error); });
    thread.on("exit", () => {
      clearTimeout(late);
      resolve(told);
    });
  });
}

for (const [what, file, before, after_, noticed, name] of MUTANTS) {
  test(`noticed: ${what}`, async () => {
    const path = join(place, "src", file), right = readFileSync(path, "utf8");
    assert.equal(right.split(before).length, 2, `${file} has not ${before} once`);
    writeFileSync(path, right.replace(before, () => after_));
    try {
      assert.deepEqual(await failing(noticed, [name]), [name], "the test passes with it");
    } finally {
      writeFileSync(path, right);
    }
  });
}

test("without a mistake those tests pass", async () => {
  for (const file of [FIRED, DIRECT, LEGS, VECTORS]) {
    const names = MUTANTS.filter((mutant) => mutant[4] === file).map((mutant) => mutant[5]);
    assert.deepEqual(await failing(file, names), [], file);
  }
});
