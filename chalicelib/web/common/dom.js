// Building the page. Every value reaches the document as text or as an attribute: there is no HTML from strings.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `props`: `class`, `text`, `on: {event: handler}`, `style: {property: value}`, attributes; null skips. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same in SVG. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) set(element, name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
  else if (name === "text") element.textContent = value;
  else if (name === "style") for (const [key, item] of Object.entries(value)) element.style.setProperty(key, item);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Put `children` in the place of what `parent` holds. */
export function replace(parent, ...children) {
  parent.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return parent;
}

/** Set text only where it changed: a screen reader and a selection stay undisturbed. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set or remove an attribute, only where it changed. */
export function setAttr(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** Make `parent`'s children those of `items`, in order, reusing elements by key, so that focus and hover stay. */
export function reconcile(parent, items, keyOf, create, update) {
  const known = new Map(Array.from(parent.children, (child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let element = known.get(key);
    known.delete(key);
    if (!element) {
      element = create(item);
      element.dataset.key = key;
    }
    update(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const gone of known.values()) gone.remove();
}

const PATHS = {
  succeeded: "M5 8.4l2.1 2.1L11 6.2",
  failed: "M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
  timed_out: "M8 4.8V8l2.2 1.6",
  cancelled: "M5.4 8h5.2",
  expired: "M6 5.4h4M6 10.6h4M6.4 5.4c0 2 3.2 3.2 3.2 5.2M9.6 5.4c0 2-3.2 3.2-3.2 5.2",
  queued: "M5.2 8h.01M8 8h.01M10.8 8h.01",
  kept: "M5 5.6h6v5H5zM5 7.4h6",
  started: "M6.8 5.6L10.6 8l-3.8 2.4z",
  scheduled: "M8 4.8V8l-2.2 1.6",
};

/** A status's sign; its shape tells as much as its colour. */
export function glyph(status) {
  const ring = status === "running"
    ? svg("circle", { cx: 8, cy: 8, r: 6.2, class: "spin", "stroke-dasharray": "26 13" })
    : svg("circle", { cx: 8, cy: 8, r: 6.2 });
  const sign = status === "running" ? svg("circle", { cx: 8, cy: 8, r: 2, class: "dot" }) : svg("path", { d: PATHS[status] ?? "" });
  return svg("svg", { class: "glyph", viewBox: "0 0 16 16", "aria-hidden": "true" }, ring, sign);
}

/** The mark of icon.svg, in the page's own colours. */
export function brandMark() {
  return svg("svg", { class: "brand-mark", viewBox: "0 0 32 32", "aria-hidden": "true" },
    svg("circle", { cx: 16, cy: 16, r: 11, "stroke-dasharray": "57 12.1", transform: "rotate(-62 16 16)" }), svg("circle", { cx: 16, cy: 16, r: 4.5, class: "dot" }));
}

let polite, assertive;

/** Say `text` to a screen reader when it next pauses; `urgent` interrupts. */
export function announce(text, urgent = false) {
  polite ??= document.body.appendChild(h("div", { class: "sr-only", role: "status", id: "announce" }));
  assertive ??= document.body.appendChild(h("div", { class: "sr-only", role: "alert", id: "announce-now" }));
  (urgent ? assertive : polite).textContent = text;
}

/** A button. `kind`: primary, danger, quiet or none. */
export function button(label, onClick, kind = "", props = {}) {
  return h("button", { type: "button", class: `button ${kind}`, on: { click: onClick }, ...props }, label);
}

/** A button that copies what `read()` returns, and says so. */
export function copyButton(label, read) {
  const element = button(label, async () => {
    try {
      await navigator.clipboard.writeText(await read());
      setText(element, "Copied");
      announce("Copied");
    } catch {
      setText(element, "Not allowed to copy");
    }
    setTimeout(() => setText(element, label), 1600);
  }, "quiet small");
  return element;
}
