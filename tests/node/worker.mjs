/** A Node.js worker on the real table: an event a line in, what came of it a line out. `{"takes_ms"}` is how long its body takes. */
import { createInterface } from "node:readline";

import { tracked } from "../../node/src/index.js";

const handler = tracked(async ({ takes_ms: takes = 0 }) => {
  await new Promise((resolve) => { setTimeout(resolve, takes); });
  return { by: "node" };
});
process.stdout.write = ((write) => (text, ...more) => (String(text).startsWith('{"event"') ? true : write.call(process.stdout, text, ...more)))(process.stdout.write);
const context = (leftMs) => ({ awsRequestId: "node-1", functionName: "report", getRemainingTimeInMillis: () => leftMs });

process.stdout.write('{"ready": true}\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { event, left_ms: leftMs, key } = JSON.parse(line);
  handler(event, context(leftMs)).then((answer) => ({ key, answer }), (error) => ({ key, error: `${error.name}: ${error.message}` }))
    .then((told) => process.stdout.write(`${JSON.stringify(told)}\n`));
}
