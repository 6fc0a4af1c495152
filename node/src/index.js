/** For handlers: `tracked`, `currentRun`. For programs that start runs: `Once`, which browsers import from `invoke-once/client`. */
export * from "./client/index.js";
export { currentRun } from "./handler/current.js";
export { tracked } from "./handler/tracked.js";
