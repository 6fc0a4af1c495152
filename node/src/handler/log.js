/** One JSON line an event, on standard output, as the Python library prints it: what happened, to which run and attempt. */

const NAMESPACE = "invoke-once";

export function logEvent(what, fields = {}, metrics) {
  try {
    const line = { event: what };
    for (const [name, value] of Object.entries(fields)) if (value !== undefined && value !== null) line[name] = value;
    if (metrics) Object.assign(line, metrics, { stack: stack(), _aws: metricBlock(metrics) });
    process.stdout.write(`${JSON.stringify(line)}\n`);
  } catch {
    // a line that cannot be written must not cost a run
  }
}

/** Whose metrics these are. A function outside the stack knows the runs table alone, which is STACK-runs. */
const stack = () => process.env.ONCE_STACK || (process.env.ONCE_RUNS_TABLE ?? "local").replace(/-runs$/, "");

/** CloudWatch's embedded metric format (CloudWatch User Guide, "Specification: Embedded metric format"). */
const metricBlock = (metrics) => ({
  Timestamp: Date.now(),
  CloudWatchMetrics: [{
    Namespace: NAMESPACE, Dimensions: [["stack"]],
    Metrics: Object.keys(metrics).map((Name) => ({ Name, Unit: Name.endsWith("_ms") ? "Milliseconds" : "Count" })),
  }],
});
