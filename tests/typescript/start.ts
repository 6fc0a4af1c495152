import type { components, paths } from "./api";
type Start = paths["/runs"]["post"]["requestBody"]["content"]["application/json"];
const start: Start = { function: "report", input: { csv: "a,b\n1,2\n" } };
const answer = await fetch("https://example.com/runs", { method: "POST", body: JSON.stringify(start) });
const run = (await answer.json()) as components["schemas"]["Run"];
export const ended: boolean = run.status === "succeeded";
