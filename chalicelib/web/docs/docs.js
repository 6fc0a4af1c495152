// `/docs`: the service's OpenAPI document as a page. Reads any OpenAPI 3.1 document; knows nothing of this service.

import { BASE, urlOf } from "./base.js";
import { brandMark, button, h, replace } from "./dom.js";
import { bodyView, deref, describe, prose } from "./docs-schema.js";
import { tryIt } from "./docs-try.js";
import { forgetToken, keepToken, token } from "./session.js";
import { themeButton } from "./theme-button.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const main = document.getElementById("main");

replace(document.getElementById("top"),
  h("a", { class: "brand", href: "./" }, brandMark(), h("span", {}, "invoke-once")),
  h("nav", { class: "nav", "aria-label": "Main" }, h("a", { href: "./#/runs" }, "Runs"), h("a", { href: "./#/start" }, "Start"), h("a", { href: "docs", "aria-current": "page" }, "API")),
  h("div", { class: "top-tools" }, themeButton()));
foldOnPhones(document.getElementById("fold"), matchMedia("(max-width: 860px)"));
load();

/** The list of operations stands open beside the page; above it, on a phone, it is folded, also after each choice. */
function foldOnPhones(fold, phone) {
  const fit = () => { fold.open = !phone.matches; };
  phone.addEventListener("change", fit);
  fold.addEventListener("click", (event) => phone.matches && event.target.closest("a") && fit());
  fit();
}

async function load() {
  try {
    const response = await fetch(urlOf("openapi.json"), { credentials: "omit" });
    if (!response.ok) throw new Error(`it answers ${response.status}`);
    draw(await response.json());
  } catch (error) {
    replace(main, h("div", { class: "state" }, h("h1", {}, "The document could not be read"), h("p", {}, error.message), button("Try again", load)));
  }
}

function draw(doc) {
  const groups = grouped(doc);
  replace(document.getElementById("operations"), h("a", { href: "#top-of-page", class: "nav-intro" }, "Introduction"), groups.map(navGroup));
  replace(main, intro(doc), groups.map((group) => groupSection(group, doc)));
  document.title = `${doc.info.title} API reference`;
  document.getElementById(location.hash.slice(1))?.scrollIntoView(); // ids are plain words
}

/** Operations by tag, in the order of `tags`, then in the order of `paths`: [{name, description, operations}]. */
function grouped(doc) {
  const groups = new Map((doc.tags ?? []).map((tag) => [tag.name, { ...tag, operations: [] }]));
  for (const [path, item] of Object.entries(doc.paths ?? {})) {
    for (const method of METHODS.filter((each) => item[each])) {
      const operation = { ...item[method], method, path, shared: item.parameters ?? [] };
      const tag = operation.tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, { name: tag, operations: [] });
      groups.get(tag).operations.push(operation);
    }
  }
  return [...groups.values()].filter((group) => group.operations.length);
}

const idOf = (operation) => operation.operationId ?? `${operation.method}-${operation.path.replace(/\W+/g, "-")}`;
const where = ({ method, path }) => h("span", { class: "where" }, badge(method), h("span", { class: "mono break" }, path));
const badge = (method) => h("span", { class: `method method-${method}` }, method.toUpperCase());

function navGroup(group) {
  return h("section", {}, h("h2", {}, group.name), h("ul", {}, group.operations.map((operation) =>
    h("li", {}, h("a", { href: `#${idOf(operation)}`, title: `${operation.method.toUpperCase()} ${operation.path}` }, operation.summary?.replace(/ ?[(.:;,].*$/s, "") ?? "", where(operation))))));
}

function intro(doc) {
  return h("section", { id: "top-of-page", class: "intro" },
    h("h1", { tabindex: "-1" }, doc.info.title, " ", h("span", { class: "version" }, doc.info.version)),
    prose(doc.info.description),
    h("dl", {}, h("div", {}, h("dt", {}, "Base URL"), h("dd", { class: "mono break" }, BASE.href.replace(/\/$/, ""))),
      h("div", {}, h("dt", {}, "Document"), h("dd", {}, h("a", { href: "openapi.json" }, "openapi.json"), `, OpenAPI ${doc.openapi}`))),
    tokenCard());
}

/** The token that Try it sends: the dashboard's, in this tab's session storage. */
function tokenCard() {
  const card = h("form", { class: "card token-card", on: { submit: keep } });
  paint();
  return card;

  function paint() {
    const input = h("input", { id: "docs-token", type: "password", autocomplete: "off", spellcheck: "false", placeholder: "once_…" });
    if (token()) replace(card, h("p", {}, "This tab holds a token: Try it sends it."), button("Forget it", () => { forgetToken(); paint(); }, "small"));
    else replace(card, h("label", { for: "docs-token" }, "Token for Try it"), input, h("button", { type: "submit", class: "button" }, "Keep in this tab"));
  }

  function keep(event) {
    event.preventDefault();
    const given = card.querySelector("input")?.value.trim().replace(/^bearer\s+/i, "");
    if (given) keepToken(given);
    paint();
  }
}

function groupSection(group, doc) {
  return h("section", { class: "group", "aria-labelledby": `tag-${group.name}` },
    h("h2", { id: `tag-${group.name}`, class: "group-title" }, group.name), prose(group.description),
    group.operations.map((operation) => operationCard(operation, doc)));
}

function operationCard(operation, doc) {
  const id = idOf(operation);
  const parameters = [...operation.shared, ...(operation.parameters ?? [])].map((each) => deref(each, doc));
  const request = deref(operation.requestBody, doc);
  return h("article", { class: "card operation", id, "aria-labelledby": `${id}-title` },
    h("h3", { id: `${id}-title` }, h("span", { class: "summary" }, operation.summary), where(operation)),
    h("p", { class: "hint" }, access(operation, doc)),
    prose(operation.description),
    parameters.length ? parameterTable(parameters, doc) : null,
    request ? h("section", {}, h("h4", {}, "Request body"), prose(request.description), bodyView(request.content, doc)) : null,
    h("section", {}, h("h4", {}, "Responses"), Object.entries(operation.responses ?? {}).map(([status, response]) => responseView(status, deref(response, doc), doc))),
    tryIt({ ...operation, parameters, request }, doc));
}

function access(operation, doc) {
  const needs = operation.security ?? doc.security ?? [];
  const scopes = needs.flatMap((need) => Object.values(need).flat());
  const token = needs.length === 0 ? "No token needed" : scopes.length ? `Token with scope ${scopes.join(" or ")}` : "Token needed";
  return operation.deprecated ? `${token} · deprecated` : token;
}

function parameterTable(parameters, doc) {
  return h("section", {}, h("h4", {}, "Parameters"), h("ul", { class: "properties" }, parameters.map((each) => h("li", {},
    h("p", { class: "property" }, h("code", {}, each.name), h("span", { class: "kind" }, `${each.in}, ${describe(each.schema ?? {}, doc)}`), each.required ? h("span", { class: "needed" }, "required") : null),
    prose(each.description)))));
}

function responseView(status, response, doc) {
  const headers = Object.entries(response.headers ?? {}).map(([name, header]) => [name, deref(header, doc)]);
  const empty = !headers.length && !response.content;
  const title = [h("b", { class: `status-${status[0]}` }, status), h("span", {}, prosePlain(response.description))];
  if (empty) return h("p", { class: "response bare" }, title);
  return h("details", { class: "response" }, h("summary", {}, title),
    headers.length ? h("ul", { class: "properties" }, headers.map(([name, header]) => h("li", {}, h("p", { class: "property" }, h("code", {}, name), h("span", { class: "kind" }, "header")), prose(header.description)))) : null,
    response.content ? bodyView(response.content, doc) : null);
}

const prosePlain = (text = "") => text.replace(/`/g, "").split("\n")[0];

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
