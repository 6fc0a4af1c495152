// What this tab remembers. The token lives in session storage only: gone with the tab, never in a URL.

import { BASE } from "./base.js";

const TOKEN = `invoke-once:token:${BASE.pathname}`;

let link = null;

/** A link's token, from the address of a run's page: for that page alone, and kept nowhere. */
export const openLink = (value) => { link = value || null; };
export const linked = () => link !== null;
export const token = () => link ?? sessionStorage.getItem(TOKEN);
export const keepToken = (value) => sessionStorage.setItem(TOKEN, value);
export const forgetToken = () => sessionStorage.removeItem(TOKEN);

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
