/** The tests of one file, in a thread: tells which of those asked for fail. */
import { parentPort, workerData } from "node:worker_threads";

import { failing } from "./collected.js";

process.stdout.write = () => true; // what the library logs
await import(`../${workerData.file}`);
parentPort.postMessage(await failing(workerData.names));
process.exit(); // a body that a test has left pending is not waited for
