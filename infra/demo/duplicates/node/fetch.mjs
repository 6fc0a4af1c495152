// node fetch.mjs INPUT KEY: the API from Node.js, with nothing but fetch. Safe to repeat: the key makes it one run.
const [input, key] = process.argv.slice(2);
const { ONCE_URL: url, ONCE_TOKEN: token } = process.env;
const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json", Prefer: "wait=20" };

async function ask(path, options = {}) {
  for (let tries = 1; ; tries++) {
    try {
      const answer = await fetch(url + path, { ...options, headers: { ...headers, ...options.headers } });
      if (answer.status < 500) return await answer.json();
    } catch (error) {
      if (tries === 5) throw error;
    }
    await new Promise((resume) => setTimeout(resume, 200 * tries));
  }
}

const body = JSON.stringify({ function: "count", input: JSON.parse(input) });
let run = await ask("/runs", { method: "POST", body, headers: { "Idempotency-Key": `"${key}"` } });
while (["scheduled", "queued", "running"].includes(run.status)) run = await ask(`/runs/${run.id}`);
if (run.status !== "succeeded") {
  console.error(`${run.status}: ${JSON.stringify(run.error ?? run)}`);
  process.exit(1);
}
console.log(JSON.stringify(run.output));
