/** What Lambda gives a handler beside the event, as far as the wrapper uses it. */
export interface LambdaContext {
  awsRequestId: string;
  functionName: string;
  getRemainingTimeInMillis(): number;
}

/** The run a handler works for. `id` and `attempt` are for its own guards against repeating an effect. */
export interface CurrentRun {
  readonly id: string;
  readonly attempt: number;
  readonly function: string;
  readonly tenant: string;
  /** Somebody asked to cancel, as far as is known; looked up in the background, at most every 2 s. */
  readonly cancelRequested: boolean;
  /** Aborted after a cancel, or when another attempt has taken over. From its first use on the run is looked at every 2 s. */
  readonly signal: AbortSignal;
  /** Of the request that started it (W3C Trace Context), and what came with it in the first event. */
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  /** Tell how far the run is: a fraction from 0 to 1, and a message. As often as you like: one write per 2 s. */
  progress(fraction?: number | null, message?: string | null): void;
  /** Which leg this is, from 1: a run that goes on after `continueLater` or its timeout has several. */
  readonly leg: number;
  /** Seconds until Lambda ends this leg. */
  readonly timeLeft: number;
  /** What the newest checkpoint has, of this leg, an earlier one or an earlier attempt; null: there is none. */
  readonly state: any;
  /**
   * Keep `state`, any JSON to 256 KB: another leg, a retry and a redrive begin with it. Await it: where the function has
   * `on_timeout = "continue"` it rejects with `ContinueLater` when the time left would not do for another stretch.
   */
  checkpoint(state: unknown, fraction?: number | null, message?: string | null, options?: { now?: boolean }): Promise<void>;
  /** End this leg: another one begins after so many seconds, to seven days, with the state. Throws `ContinueLater`. */
  continueLater(after?: number): never;
  /** Throws `RunCancelled` after a cancel, `AttemptSuperseded` when another attempt has taken over. */
  check(): Promise<void>;
}

export interface TrackedOptions<Event = any> {
  /** Where a direct call's key is: a path in the event (`"detail.orderId"`, `"Records[0].id"`, `"[a, b]"`), or a function of it. */
  key?: string | ((event: Event) => unknown);
  /** A duplicate of a direct call waits for the first and returns its outcome, instead of being dropped. */
  attach?: boolean;
  /** Without a key: how many seconds after its end an equal call still gets the first one's outcome. 60 unless given. */
  attachSeconds?: number;
}

/** Make a Lambda handler a run's. Throws `TypeError` for what Lambda would not await: callbacks, generators, streams. */
export function tracked<Event = any, Result = any, Context = any>(
  handler: (event: Event, context: Context) => Result | Promise<Result>, options?: TrackedOptions<Event>,
): (event: Event, context: Context) => Promise<any>;

/** The run being worked for. Outside Lambda, and outside any run, an inert one. */
export function currentRun(): CurrentRun;
