// What a run may be told besides its input: key, delay, retries, callback, labels.

import { h, setText } from "./dom.js";

const WHOLE = /^\d+$/;

/** Each option: its id, the pointer the service calls it by, its label and hint. */
const OPTIONS = [
  ["key", "", "Idempotency key", "The same key is the same run. Empty: a new one each time.", "text"],
  ["labels", "/labels", "Labels", "As team=billing, separated by commas or spaces; a value that has some in quotes.", "text"],
  ["callback", "/callback/url", "Callback URL", "Told, signed, when the run has ended; again until it answers, so perhaps twice.", "url"],
  ["delay", "/delay_seconds", "Delay", "Seconds to wait before it starts.", "numeric"],
  ["attempts", "/retry/max_attempts", "Attempts", "How often the function may be started.", "numeric"],
  ["queue", "/queue_timeout_seconds", "Queue timeout", "Seconds to wait for a start before it expires.", "numeric"],
];

/** `{element, read(), fault(pointer, text)}`; `read()` gives `{json, key}`: members to add to the request, or a fault. */
export function startOptions(chosen, labels) {
  const fields = Object.fromEntries(OPTIONS.map((option) => [option[0], optionField(option)]));
  fields.attempts.input.placeholder = String(chosen.retry?.max_attempts ?? 1);
  fields.labels.input.value = Object.entries(labels ?? {}).map(([name, value]) => `${name}=${quoted(value)}`).join(", ");
  const element = h("details", { class: "options", open: Boolean(fields.labels.input.value) }, h("summary", {}, "Options"), h("div", { class: "fields pair" }, Object.values(fields).map((field) => field.element)));
  return {
    element,
    read() {
      for (const field of Object.values(fields)) mark(field, "");
      const faults = [...numbersOf(fields), ...labelsFault(fields)];
      for (const [field, text] of faults) mark(field, text);
      return faults.length ? { fault: true } : { json: members(fields), key: fields.key.input.value.trim() };
    },
    fault(pointer, text) {
      const option = OPTIONS.find(([, each]) => each && (pointer === each || pointer.startsWith(`${each}/`) || each.startsWith(`${pointer}/`)));
      if (option) mark(fields[option[0]], text);
      return option ? fields[option[0]].input : null;
    },
  };
}

function optionField([name, , label, hint, mode]) {
  const id = `option-${name}`;
  const input = h("input", { id, type: "text", inputmode: mode, autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-hint ${id}-error` });
  const error = h("p", { class: "field-error", id: `${id}-error` });
  return { input, error, element: h("div", { class: "field" }, h("label", { for: id }, label), input, h("p", { class: "hint", id: `${id}-hint` }, hint), error) };
}

function mark({ input, error }, text) {
  setText(error, text);
  input.setAttribute("aria-invalid", String(Boolean(text)));
}

function numbersOf({ delay, attempts, queue }) {
  return [delay, attempts, queue].filter(({ input }) => input.value.trim() && !WHOLE.test(input.value.trim())).map((field) => [field, "A whole number, please."]);
}

const LABELS = /([^\s,="]+)=("(?:[^"\\]|\\["\\])*"|[^\s,"]*)(?=[\s,]|$)|[^\s,]+/g;
const quoted = (value) => (/[\s,"]/.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : value);
const plain = (value) => (value?.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value);

/** `team=billing, note="a, b"` → [[name, value]]; the name is missing where it is none. */
const pairs = (text) => [...text.matchAll(LABELS)].map(([, name, value]) => [name, plain(value)]);

function labelsFault({ labels }) {
  return pairs(labels.input.value).every(([name]) => name) ? [] : [[labels, "A label is written name=value."]];
}

/** `,"delay_seconds":5,…`: only what was filled in, so that the function's own limits hold for the rest. */
function members({ delay, attempts, queue, callback, labels }) {
  const given = {
    delay_seconds: number(delay),
    queue_timeout_seconds: number(queue),
    retry: number(attempts) === undefined ? undefined : { max_attempts: number(attempts) },
    callback: callback.input.value.trim() ? { url: callback.input.value.trim() } : undefined,
    labels: labels.input.value.trim() ? Object.fromEntries(pairs(labels.input.value)) : undefined,
  };
  return Object.entries(given).filter(([, value]) => value !== undefined).map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`).join("");
}

const number = ({ input }) => (input.value.trim() ? Number(input.value.trim()) : undefined);
