// A receiver in JavaScript: npm install, then ONCE_WEBHOOK_SECRET=whsec_… node receiver.mjs
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.ONCE_WEBHOOK_SECRET);

const server = createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  try {
    const event = webhook.verify(Buffer.concat(pieces).toString(), request.headers);
    console.log(event.type, event.data.id); // the same webhook-id may come twice
    response.writeHead(204).end();
  } catch (error) {
    response.writeHead(400).end(error.message);
  }
});

server.listen(process.env.PORT ?? 8000, "127.0.0.1", () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}/`),
);
