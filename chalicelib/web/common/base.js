// Where the service is: one level above this file's folder, whatever prefix a gateway puts in front.

export const BASE = new URL("../", import.meta.url);

/** The URL of `path` (no leading slash) with `query`; empty and missing values are left out. */
export function urlOf(path, query = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url;
}
