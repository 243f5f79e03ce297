#!/usr/bin/env python3
"""A shop that does what one should not do. `rehearse` must find its three mistakes:

1. It believes every webhook, whoever sent it.
2. It refunds whenever it is told of a failure or a reversal, also when it was told before.
3. It refunds an order that waits for a person, although that may yet be delivered.

It is run like ../python/shop.py.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REFUNDS = []


def buy(order):
    body = {"service_id": order["service_id"], "phone": order["phone"],
            "amount_kobo": int(order["amount_kobo"])}
    request = urllib.request.Request(order["gateway_url"] + "/purchases",
                                     data=json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    request.add_header("mono-sec-key", order["gateway_key"])
    request.add_header("idempotency-key", order["order_id"])
    for _ in range(5):
        try:
            return urllib.request.urlopen(request, timeout=30).status
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return error.code


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/buy":
            buy(body)
        elif body["type"] in ("purchase.failed", "purchase.reversed", "purchase.needs_review"):
            REFUNDS.append(body["data"]["purchase_id"])
        self.answer({})

    def do_GET(self):
        self.answer(REFUNDS)

    def answer(self, data):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(data).encode())

    def log_message(self, *arguments):
        pass


def local(path, body=None):
    url = f"http://127.0.0.1:{os.environ.get('SHOP_PORT', '3000')}{path}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=60) as answer:
        return json.load(answer)


command = sys.argv[1]
if command == "serve":
    port = int(sys.argv[sys.argv.index("--port") + 1]) if "--port" in sys.argv else 3000
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
elif command == "buy":
    names = ["order_id", "gateway_url", "gateway_key", "service_id", "phone", "amount_kobo"]
    local("/buy", {name: os.environ[name.upper()] for name in names})
else:
    print("\n".join(local("/refunds")))
