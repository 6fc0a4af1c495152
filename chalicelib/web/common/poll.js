// Asking again and again, politely: one question at a time, slower when nothing happens or nothing answers,
// silent while the tab is hidden, at once when it comes back.

const LONGEST_MS = 30_000;

export class Poller {
  #task;
  #timer = 0;
  #running = null;
  #failures = 0;
  #stopped = true;
  #abort = new AbortController();
  paused = false;
  nextAt = 0;

  /** `task(signal)` does the work and resolves to the wait in ms before the next, or null when it is over. */
  constructor(task) {
    this.#task = task;
  }

  start() {
    this.#stopped = false;
    document.addEventListener("visibilitychange", this.#onVisible);
    window.addEventListener("online", this.now);
    this.now();
    return this;
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
    document.removeEventListener("visibilitychange", this.#onVisible);
    window.removeEventListener("online", this.now);
  }

  /** Ask now; where a question is under way, ask once more after it. */
  now = () => {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    if (this.#running) this.#running.again = true;
    else this.#turn();
  };

  /** Hold (true) or go on (false), by hand. */
  hold(paused) {
    this.paused = paused;
    if (!paused) this.now();
    else clearTimeout(this.#timer);
  }

  #onVisible = () => {
    if (document.hidden) clearTimeout(this.#timer);
    else if (!this.paused) this.now();
  };

  async #turn() {
    const turn = (this.#running = { again: false });
    let wait;
    try {
      wait = await this.#task(this.#abort.signal);
      this.#failures = 0;
    } catch (error) {
      if (error.name !== "ApiError" && error.name !== "AbortError") console.error(error);
      wait = Math.max(error.retryAfterMs ?? 0, this.#backoff());
    }
    this.#running = null;
    if (this.#stopped) return;
    if (turn.again) this.now();
    else if (wait !== null) this.#later(wait);
  }

  #later(wait) {
    this.nextAt = Date.now() + wait;
    if (!this.paused && !document.hidden) this.#timer = setTimeout(this.now, wait);
  }

  #backoff() {
    const wait = Math.min(1500 * 2 ** this.#failures, LONGEST_MS);
    this.#failures += 1;
    return wait * (0.8 + 0.4 * Math.random());
  }
}
