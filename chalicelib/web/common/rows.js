// Moving through the rows of a table: by arrows inside it, by j and k from anywhere, by a click on the row.

/** A click on a row follows its link, unless it was on something of its own. */
export function openRow(event) {
  if (event.target.closest("a, button, input, summary") || String(getSelection())) return;
  event.target.closest("tr")?.querySelector("a.row-link")?.click();
}

const ARROWS = { ArrowDown: 1, ArrowUp: -1 };

/** Arrow keys inside a table's body. */
export function moveRow(event) {
  const step = ARROWS[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey || !event.target.closest("tr")) return;
  event.preventDefault();
  stepRow(event.currentTarget, step);
}

/** Focus the link of the row `step` after the one that has the focus; without one, of the one visited last or the first. */
export function stepRow(body, step) {
  const here = body.contains(document.activeElement) ? document.activeElement.closest("tr") : null;
  const back = here ? null : body.querySelector("tr[data-visited]");
  const next = here ? (step > 0 ? here.nextElementSibling : here.previousElementSibling) : back ?? body.firstElementChild;
  if (!next) return;
  body.querySelector("tr[data-visited]")?.removeAttribute("data-visited");
  next.setAttribute("data-visited", "");
  next.querySelector("a.row-link")?.focus();
}
