// The theme: the system's, light or dark, turned with one button.

import { announce, h, setText, svg } from "./dom.js";
import { prefer, preference } from "./session.js";

const NEXT = { system: "light", light: "dark", dark: "system" };
const NAMES = { system: "as the system", light: "light", dark: "dark" };

export function themeButton() {
  let theme = preference("theme") ?? "system";
  const label = h("span", { class: "sr-only" });
  const sign = svg("svg", { viewBox: "0 0 16 16", class: "theme-sign", "aria-hidden": "true" },
    svg("circle", { cx: 8, cy: 8, r: 6.2, class: "ring" }), svg("path", { d: "M8 1.8a6.2 6.2 0 0 1 0 12.4z", class: "half" }));
  const element = h("button", { type: "button", class: "button quiet small icon-button", on: { click: turn } }, sign, label);
  paint();
  return element;

  function turn() {
    theme = NEXT[theme];
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    prefer("theme", theme === "system" ? null : theme);
    paint();
    announce(`Theme: ${NAMES[theme]}`);
  }

  function paint() {
    element.title = `Theme: ${NAMES[theme]}`;
    setText(label, element.title);
  }
}
