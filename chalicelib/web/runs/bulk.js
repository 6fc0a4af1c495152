// Cancel or retry all runs that the filter shows: their number is asked back before anything is done.

import { getBulk, offers, startBulk, stopBulk } from "./api.js";
import { confirm } from "./confirm.js";
import { announce, button, h, replace } from "./dom.js";
import { millis, plural } from "./format.js";

const LOOK_MS = 700;
const ACTS = {
  cancel: ["Cancel all", "cancelled", "Runs that have not begun never will; running ones are asked to stop."],
  retry: ["Retry all", "sent again", "Runs that ended without success start again, at their last checkpoint where they have one."],
};

/** The filter of a bulk job for the query of a list, or null where a list is not one: unfiltered, or of a key. */
export function bulkFilter({ limit, key, ...filter }) {
  return key || !Object.keys(filter).length ? null : filter;
}

/** `{element, unmount()}` for the runs that `query` lists; `changed()` after runs may have changed. */
export function bulkBar(query, changed) {
  const filter = bulkFilter(query);
  const said = h("p", { class: "bulk-said", role: "status" });
  const buttons = Object.keys(ACTS).map((action) => button(ACTS[action][0], () => act(action), action === "cancel" ? "danger small" : "small"));
  const element = h("div", { class: "bulk", role: "group", "aria-label": "All runs that match", hidden: true }, h("span", { class: "hint" }, "All runs that match:"), buttons, said);
  let gone = false;
  if (filter) offers("/bulk").then((there) => { element.hidden = !there; });
  return { element, unmount() { gone = true; } };

  async function act(action) {
    const [title, , hint] = ACTS[action];
    const request = { action, filter };
    hold(true);
    try {
      tell("Counting…");
      const { matched, refused, created_at: counted } = await ended(await startBulk({ ...request, dry_run: true }));
      if (gone) return;
      const able = matched - refused;
      tell("");
      if (!able) return tell(`Nothing to ${action}.`);
      if (await confirm(`${title.split(" ")[0]} ${plural(able, "run")}?`, hint, `${title.split(" ")[0]} ${plural(able, "run")}`, "Leave them")) {
        // what was counted, and nothing newer: the question may have stood there for an hour
        const until = millis(filter.created_before) < millis(counted) ? filter.created_before : counted;
        const job = await ended(await startBulk({ action, filter: { ...filter, created_before: until } }), (now) => show(action, now));
        show(action, job);
        announce(words(action, job));
        changed();
      }
    } catch (problem) {
      tell(problem.message, true);
    } finally {
      hold(false);
    }
  }

  /** Look at a job until it is over; `seen(job)` each time. */
  async function ended(job, seen = () => {}) {
    while (job.status === "running" && !gone) {
      seen(job);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      job = await getBulk(job.id);
    }
    return job;
  }

  function show(action, job) {
    replace(said, words(action, job), job.status === "running" ? button("Stop", () => stopBulk(job.id), "small") : null);
  }

  function tell(text, bad = false) {
    said.classList.toggle("bad", bad);
    replace(said, text);
  }

  function hold(busy) {
    for (const each of buttons) each.disabled = busy;
  }
}

/** `37 of 40 sent again, 3 refused`. */
function words(action, { done, matched, refused, status }) {
  const passed = refused ? `, ${refused} in a state that forbids it` : "";
  return `${done ?? 0} of ${matched ?? "?"} ${ACTS[action][1]}${passed}${status === "stopped" ? ", stopped" : ""}`;
}
