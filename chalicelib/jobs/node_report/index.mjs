/**
 * {"csv": text, "seconds": n, "tag": any} -> {"rows": n, "columns": [name, …]}, with progress over `seconds`.
 *
 * `attach`: who calls it directly, again and again as an SDK does after a timeout, gets the first call's one answer.
 */
import { currentRun, tracked } from "invoke-once";

const TICK_MS = 250;

export const handler = tracked(async ({ csv, seconds = 0 }) => {
  if (typeof csv !== "string") throw new TypeError(`\`csv\` must be a string, not ${JSON.stringify(csv)}`);
  if (typeof seconds !== "number" || seconds < 0) throw new TypeError(`\`seconds\` must be a number from 0, not ${JSON.stringify(seconds)}`);
  const [header = [], ...rows] = parse(csv);
  await takeTime(seconds * 1_000);
  return { rows: rows.length, columns: header };
}, { attach: true });

/** In another leg, where its Lambda's time is over or its process died: it begins with what was spent by then. */
async function takeTime(ms) {
  const run = currentRun(), before = run.state?.spent ?? 0, began = Date.now() - before;
  for (let spent = before; spent < ms; spent = Date.now() - began) {
    await run.checkpoint({ spent }, spent / ms, `${Math.round(spent / 1_000)} of ${ms / 1_000} s`);
    await run.check();
    await new Promise((resolve) => { setTimeout(resolve, Math.min(TICK_MS, ms - spent)); });
  }
}

/** RFC 4180: quotes may hold commas, line ends and doubled quotes; empty lines are none. */
function parse(text) {
  const rows = [];
  let row = [], cell = "", quoted = false;
  const end = () => {
    if (row.length || cell) rows.push([...row, cell]);
    [row, cell] = [[], ""];
  };
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (quoted && sign === '"' && text[at + 1] === '"') { cell += '"'; at++; }
    else if (sign === '"') quoted = !quoted;
    else if (quoted) cell += sign;
    else if (sign === ",") { row.push(cell); cell = ""; }
    else if (sign === "\n") end();
    else if (sign !== "\r") cell += sign;
  }
  end();
  return rows;
}
