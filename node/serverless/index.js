/**
 * A plugin for the Serverless Framework 3 and osls: `sls invoke -f NAME` goes through invoke-once.
 *
 *     plugins: [serverless-invoke-once]
 *     custom:
 *       invokeOnce:
 *         url: ${env:ONCE_URL}          # the default; the token is ONCE_TOKEN of the environment, and nowhere else
 *         functions: {billing: invoices}  # names in functions.toml, where they differ from the ones in this file
 *         timeout: 900                  # seconds to wait for the result; for ever if absent
 *
 * `--data`, `--path` and `--raw` mean what they mean without it. `--type Event` prints the run's id and does not wait.
 * ONCE_KEY is the idempotency key; without it each command is a new run. `ONCE_DIRECT=1 sls invoke …` goes the old way.
 */
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const MEANINGLESS = ["context", "contextPath", "qualifier"];

class InvokeOnce {
  constructor(serverless, options, { log, writeText, progress } = {}) {
    this.serverless = serverless;
    this.options = options;
    this.log = log ?? { notice: (line) => process.stderr.write(`${line}\n`), warning: (line) => process.stderr.write(`${line}\n`) };
    this.write = writeText ?? ((line) => process.stdout.write(`${line}\n`));
    this.progress = progress?.create?.({ name: "invoke-once" });
    this.hooks = { initialize: () => this.replace() };
  }

  /** Takes the place of the framework's own call; everything before and after `invoke` stays. */
  replace() {
    if (process.env.ONCE_DIRECT) return;
    const { hooks } = this.serverless.pluginManager;
    hooks["invoke:invoke"] = [
      ...(hooks["invoke:invoke"] ?? []).filter(({ pluginName }) => pluginName !== "AwsInvoke"),
      { pluginName: "InvokeOnce", hook: () => this.invoke() },
    ];
  }

  get settings() {
    return this.serverless.service.custom?.invokeOnce ?? {};
  }

  async invoke() {
    const name = this.options.function;
    this.serverless.service.getFunction(name); // says so where there is none
    for (const option of MEANINGLESS) if (this.options[option]) this.log.warning(`--${option} has no meaning for invoke-once`);
    const { Once } = await import("invoke-once/client");
    try {
      const once = new Once({ url: this.settings.url });
      const run = await once.start(this.settings.functions?.[name] ?? name, await this.input(), {
        key: process.env.ONCE_KEY || undefined,
      });
      if (this.options.type === "Event") return this.write(run.id);
      this.log.notice(`${run.id} (to come back to it: once attach ${run.id})`);
      await this.wait(run);
      if (this.options.log) for (const line of await run.logs()) this.log.notice(line.message);
      this.write(JSON.stringify(await run.result(), null, 4));
    } catch (error) {
      throw this.told(error);
    } finally {
      this.progress?.remove();
    }
  }

  async wait(run) {
    const { timeout } = this.settings;
    for await (const seen of run.watch(timeout ? { timeout: timeout * 1000 } : {})) {
      const { fraction, message } = seen.progress ?? {};
      const part = typeof fraction === "number" ? ` ${Math.round(fraction * 100)} %` : "";
      const line = `${seen.status}${part}${message ? ` ${message}` : ""}`;
      if (this.progress && process.stderr.isTTY) this.progress.update(line);
      else this.log.notice(line);
    }
  }

  /** The input, read as the framework reads it. */
  async input() {
    let text = this.options.data;
    if (!text && this.options.path) text = this.file(this.options.path);
    if (!text && !process.stdin.isTTY) text = await stdin();
    if (!text) return {};
    if (this.options.raw) return text;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  file(name) {
    try {
      return fs.readFileSync(path.resolve(this.serverless.serviceDir ?? ".", name), "utf8");
    } catch (error) {
      throw error.code === "ENOENT" ? new Error(`${name} does not exist`) : error;
    }
  }

  /** Errors of the client are the user's to mend: a sentence, without a stack. */
  told(error) {
    const Told = this.serverless.classes?.Error ?? Error;
    const code = { WaitTimeout: "INVOKE_ONCE_STILL_RUNNING", ServiceUnreachable: "INVOKE_ONCE_UNREACHABLE" }[error.name] ?? "INVOKE_ONCE_FAILED";
    return new Told(error.message, code);
  }
}

async function stdin() {
  let text = "";
  for await (const part of process.stdin) text += part;
  return text;
}

module.exports = InvokeOnce;
