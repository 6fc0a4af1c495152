export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type Status = "scheduled" | "queued" | "running" | "succeeded" | "failed" | "timed_out" | "cancelled" | "expired";

/** Inputs and outputs by function, for `new Once<MyFunctions>()`. */
export interface AnyFunctions {
  [name: string]: { input: any; output: any };
}

/**
 * The same, of the service's own description. `npx openapi-typescript $ONCE_URL/openapi.json -o api.d.ts` makes `paths`, and
 * `FunctionsOf<paths["/runs"]["post"]["requestBody"]["content"]["application/json"]>` has each function's input.
 */
export type FunctionsOf<Start extends { function: string }> = {
  [Name in Start["function"]]: {
    input: Extract<Start, { function: Name }> extends { input?: infer Input } ? Input : never;
    output: any;
  };
};

export interface RunError {
  type: string;
  message: string;
  trace: string | null;
}

/** The run as the service shows it; see the HTTP reference. */
export interface RunDocument<Output = any> {
  id: string;
  function: string;
  status: Status;
  idempotency_key: string | null;
  attempt: number;
  max_attempts: number;
  leg?: number;
  checkpoint?: { at: string; leg: number; size: number; state?: Json } | null;
  batch?: { id: string; index: number };
  waiting_for?: string | null;
  progress: { fraction: number | null; message: string | null } | null;
  output: Output | null;
  error: RunError | null;
  labels: Record<string, string>;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  attempt_started_at?: string | null;
  next_attempt_at?: string | null;
  expires_at: string;
  cancel_requested: boolean;
  /** the id of the token that asked to cancel it */
  cancelled_by: string | null;
  callback: { url: string; status: "pending" | "delivered" | "failed"; attempts: number } | null;
  links: Record<string, string>;
}

export interface StartOptions {
  /** The idempotency key: the same key and input are the same run. A random one if absent. */
  key?: string;
  /** Seconds for which the service may hold the call: a quick run comes back finished. */
  wait?: number;
  callback?: string | { url: string } | null;
  labels?: Record<string, string>;
  retry?: { max_attempts?: number; backoff_seconds?: number; max_backoff_seconds?: number };
  delaySeconds?: number;
  queueTimeoutSeconds?: number;
  ifFailed?: "replay" | "rerun";
  concurrency?: { key: string; max: number };
  traceparent?: string;
  signal?: AbortSignal;
}

export interface WaitOptions {
  /** Milliseconds; then `WaitTimeout`. For ever if absent. */
  timeout?: number;
  signal?: AbortSignal;
}

export interface Run<Output = any> {
  readonly id: string;
  readonly status: Status;
  readonly finished: boolean;
  readonly progress: RunDocument["progress"];
  readonly output: Output | null | undefined;
  readonly error: RunError | null;
  readonly document: RunDocument<Output>;
  refresh(): Promise<this>;
  watch(options?: WaitOptions): AsyncIterable<this>;
  wait(options?: WaitOptions): Promise<this>;
  result(options?: WaitOptions): Promise<Output>;
  cancel(): Promise<this>;
  retry(options?: { from?: "checkpoint" | "start" }): Promise<this>;
  logs(options?: { attempt?: number }): Promise<{ time: string; message: string; attempt: number }[]>;
}

export interface Counts {
  total: number;
  waiting: number;
  running: number;
  succeeded: number;
  failed: number;
  timed_out: number;
  cancelled: number;
  expired: number;
}

export interface Batch<Output = any> {
  readonly id: string;
  readonly status: "running" | "succeeded" | "failed" | "cancelled";
  readonly counts: Counts;
  readonly finished: boolean;
  refresh(): Promise<this>;
  watch(options?: WaitOptions): AsyncIterable<this>;
  wait(options?: WaitOptions): Promise<this>;
  results(options?: WaitOptions & { raiseFailed?: boolean }): Promise<(Output | undefined)[]>;
  runs(options?: { status?: Status }): AsyncIterable<Run<Output>>;
  cancel(): Promise<this>;
  retry(): Promise<this>;
}

export interface BulkFilter {
  function?: string; status?: Status | Status[]; batch?: string; labels?: Record<string, string>;
  created_after?: string; created_before?: string;
}

export interface Bulk {
  readonly id: string;
  readonly status: "running" | "done" | "stopped";
  readonly matched: number;
  readonly done: number;
  readonly refused: number;
  readonly finished: boolean;
  refresh(): Promise<this>;
  watch(options?: WaitOptions): AsyncIterable<this>;
  wait(options?: WaitOptions): Promise<this>;
  stop(): Promise<this>;
}

export class Once<Functions extends { [name in keyof Functions]: { input: any; output: any } } = AnyFunctions> {
  constructor(options?: {
    url?: string;
    token?: string;
    fetch?: typeof globalThis.fetch;
    sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
    tries?: number;
    patience?: number;
    timeout?: number;
  });
  start<Name extends keyof Functions & string>(
    name: Name, input?: Functions[Name]["input"], options?: StartOptions,
  ): Promise<Run<Functions[Name]["output"]>>;
  map<Name extends keyof Functions & string>(
    name: Name, inputs: Iterable<Functions[Name]["input"]>, options?: StartOptions & { maxRunning?: number },
  ): Promise<Batch<Functions[Name]["output"]>>;
  run(id: string): Run;
  get(id: string): Promise<Run>;
  batch(id: string): Batch;
  bulk(
    action: "cancel" | "retry" | "resend", options: BulkFilter & { dryRun?: boolean; key?: string; signal?: AbortSignal },
  ): Promise<Bulk>;
  bulkJob(id: string): Bulk;
  list(query?: {
    function?: string; status?: Status | string; key?: string; batch?: string; labels?: Record<string, string>;
    created_after?: string; created_before?: string; limit?: number;
  }): AsyncIterable<Run>;
  functions(): Promise<Record<string, any>[]>;
}

export class OnceError extends Error {}
export class ConfigurationError extends OnceError {}
export class ServiceUnreachable extends OnceError {
  idempotencyKey?: string;
}
export class Refused extends OnceError {
  status: number;
  type?: string;
  detail?: string;
  errors: { pointer: string; detail: string }[];
}
export class WaitTimeout extends OnceError {}
export class RunEnded extends OnceError {
  run: RunDocument;
}
export class RunFailed extends RunEnded {}
export class RunTimedOut extends RunEnded {}
export class RunCancelled extends RunEnded {}
export class RunExpired extends RunEnded {}
export class BatchFailed extends OnceError {
  result: { index: number; run_id: string; status: Status; error: RunError | null };
}
