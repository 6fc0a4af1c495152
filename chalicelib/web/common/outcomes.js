// Many runs in one glance: a bar of counts by state, and a strip of single outcomes. Both say the same in words.

import { glyph, h, replace } from "./dom.js";
import { ago, duration, ran, statusLabel } from "./format.js";

/** A bar of `counts` (state → number), widest first as given; `{element, show(counts)}`. */
export function countBar(order, label) {
  const element = h("div", { class: "count-bar", role: "img" });
  const legend = h("ul", { class: "legends" });
  return {
    elements: [element, legend],
    show(counts, hrefOf = () => null) {
      const there = order.filter((state) => counts[state]);
      element.setAttribute("aria-label", `${label}: ${there.map((state) => `${counts[state]} ${statusLabel(state).toLowerCase()}`).join(", ") || "none"}`);
      replace(element, there.map((state) => {
        const part = h("span", { class: `fill-${state}` });
        part.style.flexGrow = counts[state];
        return part;
      }));
      replace(legend, there.map((state) => {
        const text = [h("span", { class: `swatch fill-${state}`, "aria-hidden": "true" }), h("b", {}, String(counts[state])), ` ${statusLabel(state).toLowerCase()}`];
        const href = hrefOf(state);
        return h("li", {}, href ? h("a", { class: "legend", href }, text) : h("span", { class: "legend" }, text));
      }));
    },
  };
}

/** The newest runs as signs, newest first, each a link to its run. */
export function strip(runs) {
  if (!runs.length) return h("span", { class: "hint" }, "none yet");
  return h("span", { class: "strip" }, runs.map((run) => {
    const took = ran(run, Date.now());
    const words = [statusLabel(run.status), ago(run.created_at, Date.now()), Number.isFinite(took) ? `took ${duration(took)}` : ""].filter(Boolean).join(", ");
    return h("a", { href: `#/runs/${run.id}`, "aria-label": words, title: words, "data-status": run.status, class: "sign" }, glyph(run.status));
  }));
}
