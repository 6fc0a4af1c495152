// Which functions are paused, said where runs are looked at: a run that waits for one waits until it is resumed.

import { h, replace } from "./dom.js";
import { ago } from "./format.js";

/** `paused 3 m ago by 0a1b2c: why`. */
export const pauseWords = ({ since, by, reason }) => `paused ${ago(since, Date.now())}${by ? ` by ${by}` : ""}${reason ? `: ${reason}` : ""}`;

/** A banner; `show(functions)` with what GET /functions gives, `only` narrows it to one function. */
export function pausedBanner(only = "") {
  const element = h("div", { class: "notice paused", role: "status", hidden: true });
  return {
    element,
    show(functions) {
      const held = functions.filter((each) => each.paused && (!only || each.name === only));
      element.hidden = !held.length;
      replace(element, held.map((each) => h("p", {}, h("a", { href: `#/functions/${encodeURIComponent(each.name)}` }, each.name), `: ${pauseWords(each.paused)}${each.waiting ? ` (${each.waiting} waiting)` : ""}`)));
    },
  };
}
