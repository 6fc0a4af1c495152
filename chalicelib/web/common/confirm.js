// One question in a modal dialog: Escape and the quiet button say no, and so does who leaves the page it belongs to.

import { button, h } from "./dom.js";

/** Resolves to true where the person said yes. */
export function confirm(title, text, yes, no) {
  return new Promise((resolve) => open(title, (answer) => resolve(answer === "yes"),
    h("p", { id: "dialog-text" }, text),
    h("div", { class: "actions" }, button(no, answer(""), "", { autofocus: true }), button(yes, answer("yes"), "danger"))));
}

/** Asks for a line of text: resolves to it, or to null where the person went away. */
export function ask(title, text, label, yes) {
  return new Promise((resolve) => {
    const input = h("input", { id: "dialog-input", maxlength: "200", autocomplete: "off" });
    open(title, (answer) => resolve(answer === "yes" ? input.value.trim() : null),
      h("p", { id: "dialog-text" }, text),
      h("form", { method: "dialog", on: { submit: answer("yes") } }, h("div", { class: "field" }, h("label", { for: "dialog-input" }, label), input),
        h("div", { class: "actions" }, button("Leave it", answer("")), h("button", { type: "submit", class: "button primary" }, yes))));
    input.focus();
  });
}

/** A dialog that only tells something. */
export function tell(title, ...children) {
  open(title, () => {}, ...children, h("div", { class: "actions" }, button("Close", answer(""), "", { autofocus: true })));
}

const answer = (value) => (event) => {
  event.preventDefault();
  event.currentTarget.closest("dialog").close(value);
};

/** Show a dialog; `done(answer)` once it is closed. */
function open(title, done, ...children) {
  const described = children.some((child) => child.id === "dialog-text") ? "dialog-text" : null;
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title", "aria-describedby": described, on: { close } }, h("h2", { id: "dialog-title" }, title), ...children);
  const leave = () => dialog.close("");
  function close() {
    removeEventListener("hashchange", leave);
    dialog.remove();
    done(dialog.returnValue);
  }
  addEventListener("hashchange", leave);
  document.body.append(dialog);
  dialog.showModal();
}
