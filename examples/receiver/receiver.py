"""A receiver in Python, standard library and `invoke_once.signing`: ONCE_WEBHOOK_SECRET=… python receiver.py"""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from invoke_once.errors import SignatureError
from invoke_once.signing import verify


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            event = verify(os.environ["ONCE_WEBHOOK_SECRET"], self.headers, body)
        except SignatureError as error:
            return self.send_error(400, str(error))
        print(event["type"], event["data"]["id"], flush=True)  # the same webhook-id may come twice
        self.send_response(204)
        return self.end_headers()


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
