// `#/tokens`: the tenant's tokens, for a token with the scope admin: make one, see them, revoke them.

import { createToken, listTokens, revokeToken } from "./api.js";
import { confirm } from "./confirm.js";
import { announce, button, copyButton, h, replace, setText } from "./dom.js";
import { actButton, noticeLine, refusal, stateBox, titled } from "./frames.js";
import { ago, stamp } from "./format.js";
import { token } from "./session.js";

const SCOPES = [["runs:read", "see runs, functions and batches"], ["runs:write", "start, cancel, retry"], ["admin", "pause functions, make tokens"]];
const LIVES = [["", "never"], [String(3600), "in an hour"], [String(86_400), "in a day"], [String(30 * 86_400), "in 30 days"], [String(365 * 86_400), "in a year"]];

export function mount(root) {
  const heading = titled("Tokens");
  const notice = noticeLine();
  const fresh = h("div", { class: "card pad fresh-token", role: "status", hidden: true });
  const body = h("tbody");
  const table = h("table", { class: "runs tokens", hidden: true }, h("caption", { class: "sr-only" }, "Tokens"),
    h("thead", {}, h("tr", {}, ["Id", "Scopes", "Created", "Expires", "Revoke"].map((name, n) => h("th", { scope: "col", class: n === 2 ? "wide" : "" }, n === 4 ? h("span", { class: "sr-only" }, name) : name)))), body);
  const box = stateBox("Loading tokens…");
  const card = h("div", { class: "card table-card" }, table, box.element);
  const maker = form(make, notice);
  replace(root, h("div", { class: "title-row" }, heading), notice.element, fresh, card, maker.element);
  maker.element.hidden = true;
  load();
  return { heading, title: "Tokens", unmount() { replace(fresh); } };

  async function load() {
    try {
      const all = [];
      for (let cursor = null, first = true; first || cursor; first = false) {
        const page = await listTokens({ cursor });
        all.push(...page.tokens);
        cursor = page.next_cursor;
      }
      all.sort((a, b) => b.created_at.localeCompare(a.created_at));
      replace(body, all.map(row));
      table.hidden = !all.length;
      maker.element.hidden = false;
      box.clear();
    } catch (problem) {
      table.hidden = true;
      box.say(...refusal(problem, "admin"), problem.kind === "forbidden" ? null : button("Try again", load, "small"));
    }
  }

  function row(each) {
    const mine = token()?.split("_")[1] === each.id;
    return h("tr", {}, h("td", { class: "mono" }, each.id, mine ? h("span", { class: "hint" }, " (this one)") : null), h("td", {}, each.scopes.map((scope) => h("span", { class: "label" }, scope))),
      h("td", { class: "wide", title: stamp(each.created_at) }, ago(each.created_at, Date.now())), h("td", { title: each.expires_at ? stamp(each.expires_at) : null }, each.expires_at ? ago(each.expires_at, Date.now()) : "never"),
      h("td", {}, actButton("Revoke", () => revoke(each, mine), "danger small", notice.say)));
  }

  async function revoke(each, mine) {
    const text = mine ? "It is the one that you are signed in with." : "Whoever uses it is refused within a minute.";
    if (!(await confirm(`Revoke ${each.id}?`, text, "Revoke", "Keep it"))) return;
    await revokeToken(each.id);
    announce("Token revoked");
    await load();
  }

  /** The new token's text is shown once, and is nowhere else on the page. */
  async function make(request) {
    const made = await createToken(request);
    fresh.hidden = false;
    replace(fresh, h("h2", {}, "Your new token"), h("p", { class: "hint" }, "It is shown this once: keep it now."), h("div", { class: "with-copy" }, h("pre", { class: "snippet", tabindex: "0" }, made.token), copyButton("Copy", () => made.token)));
    announce("Token made");
    await load();
  }
}

function form(make, notice) {
  const scopes = SCOPES.map(([scope, hint], n) => [scope, h("input", { type: "checkbox", id: `scope-${n}`, checked: n < 2 }), hint]);
  const life = h("select", { id: "token-life" }, LIVES.map(([value, label]) => h("option", { value }, label)));
  const error = h("p", { class: "field-error", role: "alert" });
  const submit = actButton("Make a token", send, "primary", notice.say);
  const element = h("section", { class: "card pad token-form", "aria-labelledby": "make-title" }, h("h2", { id: "make-title" }, "Make a token"),
    h("fieldset", { class: "scopes" }, h("legend", {}, "It may"), scopes.map(([scope, input, hint]) => h("div", { class: "check" }, input, h("label", { for: input.id }, h("span", { class: "mono" }, scope), h("span", { class: "hint" }, ` ${hint}`))))),
    h("div", { class: "field short-field" }, h("label", { for: "token-life" }, "Expires"), life), error, h("div", { class: "actions" }, submit));
  async function send() {
    const chosen = scopes.filter(([, input]) => input.checked).map(([scope]) => scope);
    setText(error, chosen.length ? "" : "Choose at least one scope.");
    if (chosen.length) await make({ scopes: chosen, ...(life.value ? { expires_in_seconds: Number(life.value) } : {}) });
  }
  return { element };
}
