// Who this browser is signed in as, and small preferences. The token lives in session storage, never in an address:
// it is gone when the last tab on this service is closed. A new tab asks the open ones for it.

import { BASE } from "./base.js";

const TOKEN = `invoke-once:token:${BASE.pathname}`;
const ANSWER_MS = 250;

const tabs = new BroadcastChannel(`invoke-once:${BASE.pathname}`);

/** "out": another tab has signed out. */
export const session = new EventTarget();

let link = null;

/** A link's token, from the address of a run's or batch's page: for that page alone, and kept nowhere. */
export const openLink = (value) => { link = value || null; };
export const linked = () => link !== null;
const kept = () => sessionStorage.getItem(TOKEN);
export const token = () => link ?? kept();
export const keepToken = (value) => sessionStorage.setItem(TOKEN, value);

/** Forget the token and what was typed with it; `everywhere`: in the other tabs too. */
export function forgetToken(everywhere = false) {
  sessionStorage.clear();
  if (everywhere) tabs.postMessage({ out: true });
}

/** Resolves to whether there is a token: this tab's own, or the one that another tab answers with. */
export function signedIn() {
  if (token()) return Promise.resolve(true);
  return new Promise((resolve) => {
    const done = () => { tabs.removeEventListener("message", heard); resolve(Boolean(token())); };
    const heard = ({ data }) => { if (data.token) { keepToken(data.token); done(); } };
    tabs.addEventListener("message", heard);
    tabs.postMessage({ ask: true });
    setTimeout(done, ANSWER_MS);
  });
}

tabs.addEventListener("message", ({ data }) => {
  if (data.ask && kept()) tabs.postMessage({ token: kept() });
  else if (data.out && kept()) {
    forgetToken();
    session.dispatchEvent(new Event("out"));
  }
});

/** What was typed for `name` last, in this tab; null where nothing was. */
export const remembered = (name) => sessionStorage.getItem(`invoke-once:input:${name}`);

export function remember(name, text) {
  try {
    if (text.length < 200_000) sessionStorage.setItem(`invoke-once:input:${name}`, text);
  } catch {
    // No room: it is a convenience.
  }
}

/** Preferences that tell nothing: the theme, whether keys are shortcuts. Kept between visits where allowed. */
export function preference(name) {
  try {
    return localStorage.getItem(`invoke-once:${name}`);
  } catch {
    return null;
  }
}

export function prefer(name, value) {
  try {
    if (value === null) localStorage.removeItem(`invoke-once:${name}`);
    else localStorage.setItem(`invoke-once:${name}`, value);
  } catch {
    // Not kept; it still holds for this page.
  }
}
