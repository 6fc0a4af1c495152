// One question in a modal dialog: Escape and the quiet button say no.

import { button, h } from "./dom.js";

/** Resolves to true where the person said yes. */
export function confirm(title, text, yes, no) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text", on: { close: done } },
      h("h2", { id: "dialog-title" }, title), h("p", { id: "dialog-text" }, text),
      h("div", { class: "actions" }, button(no, () => dialog.close(""), "", { autofocus: true }), button(yes, () => dialog.close("yes"), "danger")));
    function done() {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Asks for a line of text: resolves to it, or to null where the person went away. */
export function ask(title, text, label, yes) {
  return new Promise((resolve) => {
    const input = h("input", { id: "dialog-input", maxlength: "200", autocomplete: "off" });
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text", on: { close: done } },
      h("h2", { id: "dialog-title" }, title), h("p", { id: "dialog-text" }, text),
      h("form", { method: "dialog", on: { submit: (event) => { event.preventDefault(); dialog.close("yes"); } } }, h("div", { class: "field" }, h("label", { for: "dialog-input" }, label), input),
        h("div", { class: "actions" }, button("Leave it", () => dialog.close("")), h("button", { type: "submit", class: "button primary" }, yes))));
    function done() {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? input.value.trim() : null);
    }
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}

/** A dialog that only tells something. */
export function tell(title, ...children) {
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title", on: { close: () => dialog.remove() } },
    h("h2", { id: "dialog-title" }, title), ...children, h("div", { class: "actions" }, button("Close", () => dialog.close(), "", { autofocus: true })));
  document.body.append(dialog);
  dialog.showModal();
}
