/**
 * A direct invocation (a rule, a queue, S3, an SDK, a person) registers itself as a run, and its duplicates find it. The
 * key is the `key` option's, else the event's own id, else Lambda's request id: a delivery that AWS repeats, and a call
 * that an SDK fires again, derive the same run id and meet in one conditional write. The table is enough for it.
 */
import { ConfigurationError, RecordedFailure, RunCancelled, StillRunning } from "../../errors.js";
import { isLost } from "../../life/due.js";
import { attemptNumber, isTerminal } from "../../life/head.js";
import { move } from "../../life/move.js";
import { errorOf, HEAD_ROOM_BYTES, itemSize, pack } from "../../store/payloads.js";
import { nameOf } from "../../store/texts.js";
import { runAttempt } from "../body.js";
import { logEvent } from "../log.js";
import { lose } from "../recovery.js";
import { isStream, MALFORMED, MEMBER, REPORTED } from "../replies.js";
import { timeLeftMs } from "../runtime.js";
import { marginMs } from "../watchdog.js";
import { each, isBatch } from "./batches.js";
import { ownId, requestId } from "./keys.js";
import { enter } from "./slots.js";

/** Pauses between looks at a run that is waited for, in ms; the last one repeats. */
const LOOK_EVERY_MS = [100, 200, 400, 800, 1_000];

/** Run the body once for this event, or answer with what its first run came to. */
export async function runDirect(rt, options, handler, event, context) {
  const one = (message) => new Call(rt, options, handler, message, context).answer();
  return isBatch(event) ? each(event, one, () => timeLeftMs(context)) : one(event);
}

class Call {
  #rt; #options; #handler; #event; #context; #stream; #requestId; #name; #leftMs; #deadlineMs;

  constructor(rt, options, handler, event, context) {
    this.#rt = rt;
    this.#options = options;
    this.#handler = handler;
    this.#event = event;
    this.#context = context;
    this.#stream = isStream(event);
    this.#requestId = requestId(context);
    this.#name = rt.policy.function || String(context?.functionName ?? "");
    const beganMs = rt.now(); // before the time left is read: a pause in between makes the lease shorter, not too long
    this.#leftMs = timeLeftMs(context);
    this.#deadlineMs = beganMs + this.#leftMs;
    if (!this.#name) throw new ConfigurationError("ONCE_FUNCTION is not set, and the context names no function");
  }

  async answer() {
    const { find, attach, attachSeconds } = this.#options;
    if (find) return this.#enter(find(this.#event));
    const id = ownId(this.#event);
    if (id !== null || !attach) return this.#enter(id ?? this.#requestId);
    const call = { tenant: this.#rt.policy.tenant, name: this.#name, event: this.#event, windowMs: Math.trunc(attachSeconds * 1_000) };
    return enter(this.#rt, call, {
      register: (key) => this.#register(key), run: (head) => this.#run(head), follow: (head) => this.#follow(head),
    });
  }

  async #enter(key) {
    const { applied, head } = await this.#register(key);
    return applied ? this.#run(head) : this.#follow(head);
  }

  /** Become the run of `key`. Refused: it has one, which the refusal carries. */
  async #register(key) {
    const made = this.#newRun(key), text = Buffer.from(JSON.stringify(this.#event) ?? "null");
    const draft = this.#birth(made).set;
    const size = itemSize(draft);
    if (size + pack(text).length > HEAD_ROOM_BYTES) {
      const found = await this.#rt.store.get(draft.run_id, this.#rt.now()); // before a large payload is put for a duplicate
      if (found) return { applied: false, head: found, arms: ["id is free"] };
    }
    const payload = await this.#rt.payloads.keepInput(made.function, draft.run_id, text, size, draft.expires_at);
    return this.#rt.store.apply(this.#birth({ ...made, payload }));
  }

  #birth(made) {
    const nowMs = this.#rt.now();
    return move("register", { new: made, now_ms: nowMs, lease_ms: this.#leaseMs(nowMs), request_id: this.#requestId });
  }

  #newRun(key) {
    const { policy } = this.#rt;
    return {
      tenant: policy.tenant, function: this.#name, key, fingerprint: null, mode: null, labels: null, callback_url: policy.callback || null,
      queue_ms: 6 * 3_600_000, retention_s: policy.retentionS, on_lost: policy.onLost,
      max_attempts: this.#stream ? 1 : policy.maxAttempts, backoff_ms: policy.backoffMs,
      max_backoff_ms: policy.maxBackoffMs, jitter: policy.jitter, on_timeout: policy.onTimeout, max_legs: policy.maxLegs, payload: {},
    };
  }

  #leaseMs(nowMs) {
    const leftMs = Math.max(this.#deadlineMs - nowMs, 0);
    return this.#rt.policy.heartbeatMs ? Math.min(leftMs, this.#rt.policy.heartbeatMs) : leftMs;
  }

  /** Run the body as `head`'s attempt. What is recorded is returned or thrown, to this caller as to all others. */
  async #run(head) {
    const { settled, value, error, failed } = await runAttempt(this.#rt, this.#handler, this.#event, this.#context, head, this.#deadlineMs);
    if (settled.applied && settled.head.between_legs) return goesOn(settled.head);
    if (settled.applied && isTerminal(settled.head)) {
      if (failed && tells(settled.head, error)) throw error;
      if (settled.head.status === "succeeded") return value;
      if (this.#stream && !failed && [REPORTED, MALFORMED].includes(errorOf(settled.head)?.type)) return value; // Lambda reads from it where to go on
      return this.#outcome(settled.head);
    }
    const now = settled.head ?? head; // a retry is left, or another attempt has taken over
    if (failed && !isTerminal(now) && !this.#options.attach) throw error;
    return this.#outcome(this.#options.attach ? await this.#wait(now) : now);
  }

  /** What the run came to. A live one is waited for (`attach`), or dropped; one nobody works at is run. */
  async #follow(found) {
    if (!isTerminal(found) && !found.between_legs) {
      const taken = await this.#takeOver(found);
      if (taken.applied) return this.#run(taken.head);
      found = taken.head;
    }
    if (this.#stream) return this.#deliverAgain(found);
    if (isTerminal(found) || this.#options.attach) {
      const head = await this.#wait(found);
      logEvent("duplicate_answered", { run_id: head.run_id, run_status: head.status }, { DuplicatesRefused: 1 });
      return this.#outcome(head);
    }
    logEvent("duplicate_dropped", { run_id: found.run_id, run_status: found.status }, { DuplicatesRefused: 1 });
    return { invoke_once: { run_id: found.run_id, status: found.status, duplicate: true } };
  }

  /**
   * Claim a run that nobody works at: queued for a retry, or its attempt has vanished. Else: the run as it is. The body
   * then gets the run's own input, which is read before: a claim without it would be an attempt lost.
   */
  async #takeOver(found) {
    const nowMs = this.#rt.now();
    const waits = found.status === "queued" && (found.not_before ?? 0) <= nowMs;
    if (!isLost(found, nowMs) && !waits) return { applied: false, head: found };
    const given = JSON.parse((await this.#rt.payloads.input(found)).toString());
    const claim = move("claim", {
      run_id: found.run_id, generation: found.generation, now_ms: nowMs, lease_ms: this.#leaseMs(nowMs), fired_at: null, request_id: this.#requestId,
    });
    const result = await this.#rt.store.apply(claim);
    if (!result.applied) return { applied: false, head: await this.#lose(result.head ?? found) };
    this.#event = given;
    return result;
  }

  /**
   * A stream's batch that comes again: its shard waits for it, so the batch is tried again, or let pass. Nothing is
   * answered as done that is still at work: Lambda would go on behind it.
   */
  async #deliverAgain(found) {
    if (!isTerminal(found) && !this.#options.attach) throw new StillRunning(found.run_id);
    const head = await this.#wait(found);
    if (["cancelled", "expired"].includes(head.status)) return { [MEMBER]: [] };
    const budget = this.#rt.policy.maxAttempts;
    if (head.status === "succeeded" || (budget !== 1 && attemptNumber(head) >= budget)) return this.#outcome(head);
    const again = await this.#rt.store.apply(move("redrive", { head, now_ms: this.#rt.now() }));
    const taken = again.applied ? await this.#takeOver(again.head) : again;
    if (again.applied && taken.applied) return this.#run(taken.head);
    throw new StillRunning(head.run_id);
  }

  /** End an attempt that has vanished: without the service nobody else would. */
  async #lose(head) {
    if (!isLost(head, this.#rt.now())) return head;
    const why = `attempt ${attemptNumber(head)} vanished: its lease ended without an outcome`;
    return (await lose(this.#rt.store, head, this.#rt.now(), why)).head ?? head;
  }

  /** The run when it has ended; `StillRunning` shortly before Lambda would kill this call. Disturbs nothing. */
  async #wait(found) {
    for (let head = found, tries = 0; ; tries++) {
      head = await this.#lose(head);
      if (isTerminal(head) || head.leg > 1) return head;
      if (this.#rt.now() >= this.#deadlineMs - marginMs(this.#leftMs)) throw new StillRunning(head.run_id);
      await this.#rt.sleep(LOOK_EVERY_MS[Math.min(tries, LOOK_EVERY_MS.length - 1)]);
      head = (await this.#rt.store.get(head.run_id, this.#rt.now())) ?? head;
    }
  }

  async #outcome(head) {
    if (head.status === "succeeded") return JSON.parse((await this.#rt.payloads.output(head)).toString());
    if (!isTerminal(head) && head.leg > 1) return goesOn(head);
    const told = errorOf(head);
    if (told) throw new RecordedFailure(String(told.type), String(told.message));
    if (isTerminal(head)) throw new RecordedFailure("RunCancelled", new RunCancelled().message);
    throw new StillRunning(head.run_id); // by another attempt, which has taken it over
  }
}

/** A run that goes on in another leg is the service's from then on: the caller is told which it is. */
const goesOn = (head) => ({ run_id: head.run_id, status: head.status });

/** Whether `error` is the one that is recorded. */
function tells(head, error) {
  const told = errorOf(head);
  return told ? told.type === nameOf(error) : head.status === "cancelled" && error instanceof RunCancelled;
}
