// The token prompt, shown until a token reads runs; and the link that a service on this machine prints.
// The token goes into session storage and nowhere else.

import { createToken, forgetFunctions, probe, revokeToken } from "./api.js";
import { h, replace, setText } from "./dom.js";
import { keepToken } from "./session.js";

/** Show the prompt in `root`; `reason` says why it is there again. `done()` once a token was accepted. */
export function signIn(root, reason, done) {
  const input = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", autocapitalize: "none", placeholder: "once_…", "aria-describedby": "token-hint token-error", required: true });
  const error = h("p", { class: "field-error", id: "token-error", role: "alert" }, reason);
  const show = h("input", { type: "checkbox", id: "token-show", on: { change: () => { input.type = show.checked ? "text" : "password"; } } });
  const submit = h("button", { type: "submit", class: "button primary" }, "Open the dashboard");
  const form = h("form", { class: "card sign-in", novalidate: true, on: { submit: check } },
    h("h1", {}, "Your token"), h("p", { id: "token-hint" }, "An API token that may read runs. It stays in this browser’s open tabs, and is gone when the last one is closed."),
    h("div", { class: "field" }, h("label", { for: "token" }, "API token"), input, error),
    h("div", { class: "check" }, show, h("label", { for: "token-show" }, "Show it")), submit,
    h("p", { class: "hint" }, "No token yet? ", h("code", {}, "once tokens create"), " makes one; ", h("a", { href: "docs" }, "the API reference"), " says how."));
  replace(root, form);
  input.focus();
  return { heading: input, title: "Sign in", unmount() {} };

  async function check(event) {
    event.preventDefault();
    const token = input.value.trim().replace(/^bearer\s+/i, "");
    if (!token) return refuse("Paste a token first.");
    submit.disabled = true;
    try {
      await probe(token);
      accept(token);
    } catch (problem) {
      if (problem.kind === "forbidden") accept(token);
      else refuse(WORDS[problem.kind] ?? problem.message);
    }
    submit.disabled = false;
  }

  function accept(token) {
    keepToken(token);
    forgetFunctions();
    done();
  }

  function refuse(text) {
    setText(error, text);
    input.setAttribute("aria-invalid", "true");
    input.focus();
    input.select();
  }
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;
const SCOPES = ["runs:read", "runs:write", "admin", "operator"];
const SESSION_S = 12 * 3600;
const USED = "This link was used before, or is too old. `make dashboard` prints another.";

/**
 * Sign in by a link: its token is good for one exchange, into a token of this session. Resolves to what is wrong, or
 * to "". Who finds the link's token gone when giving it back came second, and gets nothing.
 */
export async function redeem(link) {
  if (!LOOPBACK.test(location.hostname)) return "Sign-in links work for a service on this machine alone.";
  try {
    const made = await createToken({ scopes: SCOPES, expires_in_seconds: SESSION_S }, link);
    const first = await revokeToken(link.split("_")[1], link).then(() => true, () => false);
    if (!first) {
      await revokeToken(made.id, made.token);
      return USED;
    }
    keepToken(made.token);
    forgetFunctions();
    return "";
  } catch (problem) {
    return problem.kind === "unauthorized" ? USED : problem.message;
  }
}

const WORDS = {
  unauthorized: "The service does not know this token. It may be mistyped, expired or revoked.",
  down: "The service does not answer, so the token could not be checked. Try again in a moment.",
};
