// What every page is made of: a title row, a place for its state, and asking again and again until it is left.

import { button, h, replace } from "./dom.js";
import { Poller } from "./poll.js";

/** The way here: links, then the name of this page. */
export const crumbs = (...parts) => h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, parts.flatMap((part, n) => (n ? [h("span", { "aria-hidden": "true" }, "/"), part] : [part])));

/** A page's first heading. */
export const titled = (text) => h("h1", { tabindex: "-1" }, text);

/** A list that says what it is about: loading, empty, refused. `{element, say(...), clear()}`. */
export function stateBox(text) {
  const element = h("div", { class: "state" }, h("p", { class: "loading" }, text));
  return { element, say(...children) { element.hidden = false; replace(element, children); }, clear() { element.hidden = true; replace(element); } };
}

/** Why a page has nothing to show, in words: a refusal is final, everything else is asked again. */
export function refusal(problem, needed) {
  if (problem.kind === "forbidden") return [h("h2", {}, "Not for this token"), h("p", {}, `This page needs a token with the scope ${needed}.`)];
  if (problem.kind === "missing") return [h("h2", {}, "There is no such thing"), h("p", {}, problem.message)];
  return [h("h2", {}, problem.kind === "down" ? "No answer yet" : problem.title ?? "It did not work"), h("p", {}, problem.message)];
}

/** Ask `read(signal)` at once and then as it says; a refusal is shown in `box` and ends the asking. */
export function asking(read, box, needed = "runs:read") {
  let shown = false;
  return new Poller(async (signal) => {
    try {
      const wait = await read(signal);
      shown = true;
      return wait;
    } catch (problem) {
      if (!shown && problem.kind) box.say(...refusal(problem, needed));
      if (problem.kind === "forbidden" || problem.kind === "missing") return null;
      throw problem;
    }
  }).start();
}

/** A button that does `act()`, is off meanwhile, and says what went wrong through `say(text, bad)`. */
export function actButton(label, act, kind, say) {
  const element = button(label, async () => {
    element.disabled = true;
    say("");
    try {
      await act();
    } catch (problem) {
      say(problem.message, true);
    }
    element.disabled = false;
  }, kind);
  return element;
}

/** A line under the title for what happened; `{element, say(text, bad)}`. */
export function noticeLine() {
  const element = h("p", { class: "notice", role: "status", hidden: true });
  return {
    element,
    say(text, bad = false) {
      element.hidden = !text;
      element.classList.toggle("bad", bad);
      element.textContent = text;
    },
  };
}
