/** A small HTTP service for the client's tests: each request takes the next answer of a list. */
import { createServer } from "node:http";
import { once } from "node:events";

export async function service(...answers) {
  const seen = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    seen.push({ method: request.method, url: request.url, headers: request.headers, body: body && JSON.parse(body) });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === "drop") return request.socket.destroy();
    const [status, document, headers = {}] = typeof answer === "function" ? answer(seen.at(-1)) : answer;
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(typeof document === "string" ? document : JSON.stringify(document));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const pauses = [];
  return {
    seen, pauses,
    options: { url: `http://127.0.0.1:${server.address().port}`, token: "once_a_b", sleep: async (ms) => { pauses.push(ms); } },
    close: () => { server.closeAllConnections(); server.close(); },
  };
}

export const run = (status, more = {}) => ({ id: "run_aaaaaaaaaaaaaaaaaaaaaaaaaa", status, output: null, error: null, links: {}, ...more });
export const problem = (status, type, more = {}) => [status, { type: `urn:invoke-once:${type}`, title: type, status, ...more }];
