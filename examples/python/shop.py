#!/usr/bin/env python3
"""A small shop that sells airtime through the telco gateway. Python 3.9 or later, nothing to install.

    shop.py serve [--port 3000]     runs the shop: webhooks at /hooks
    shop.py buy                     makes the running shop buy ORDER_ID, see below
    shop.py refunds                 prints the purchase of each refund, one on a line
    shop.py link PHONE PROVIDER     asks a customer for access, and prints the identity

`serve` reads WEBHOOK_SECRET (whsec_...). `buy` reads ORDER_ID, SERVICE_ID, PHONE, AMOUNT_KOBO, GATEWAY_URL
and GATEWAY_KEY, as `rehearse` sets them.

Three rules keep its money safe. It repeats a request under the same Idempotency-Key. It believes no
webhook that it cannot verify. It refunds only what the gateway itself says is safe to refund, once.
"""

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import os
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
TRIES = 5


def read(answer):
    """The JSON object of an answer; None if it breaks off or is something else."""
    try:
        document = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    return document if isinstance(document, dict) else None


class Gateway:
    """The telco gateway."""

    def __init__(self, url, key):
        self.url, self.key = url, key

    def call(self, method, path, body=None, headers=()):
        """Gives status and JSON. A connection that fails and an answer that cannot be read are a 503."""
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("mono-sec-key", self.key)
        for name, value in dict(headers).items():
            request.add_header(name, value)
        if body is not None:
            request.add_header("content-type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, document = answer.status, read(answer)
        except urllib.error.HTTPError as error:
            return error.code, read(error) or {}
        except (OSError, http.client.HTTPException):
            return 503, {}
        return (503, {}) if document is None else (status, document)

    def buy(self, order_id, order):
        """Buys. The order's id is the Idempotency-Key, so a repeat never buys twice."""
        for attempt in range(TRIES):
            status, answer = self.call("POST", "/purchases", order, {"idempotency-key": order_id})
            if status < 500 and status != 429:
                return status, answer
            time.sleep(0.05 * 2**attempt)
        return status, answer

    def purchase(self, purchase_id):
        """A purchase as it is now, or None."""
        status, answer = self.call("GET", f"/purchases/{purchase_id}")
        return answer["data"] if status == 200 else None


class Books:
    """What the shop knows, in SQLite: the primary keys make each thing happen once."""

    def __init__(self, path=":memory:"):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(path, check_same_thread=False)
        self.database.execute("CREATE TABLE IF NOT EXISTS refunds (purchase_id TEXT PRIMARY KEY)")
        self.database.execute("CREATE TABLE IF NOT EXISTS handled (webhook_id TEXT PRIMARY KEY)")

    def is_handled(self, webhook_id):
        with self.lock:
            query = "SELECT 1 FROM handled WHERE webhook_id = ?"
            return self.database.execute(query, (webhook_id,)).fetchone() is not None

    def handled(self, webhook_id):
        with self.lock, self.database:
            self.database.execute("INSERT OR IGNORE INTO handled VALUES (?)", (webhook_id,))

    def refund(self, purchase_id):
        """Gives the money back, once. A real shop tells its payment provider here."""
        with self.lock, self.database:
            self.database.execute("INSERT OR IGNORE INTO refunds VALUES (?)", (purchase_id,))

    def refunds(self):
        with self.lock:
            return [row[0] for row in self.database.execute("SELECT purchase_id FROM refunds")]


def is_true(secret, headers, body, now):
    """Whether a webhook comes from the gateway, by Standard Webhooks."""
    try:
        timestamp = int(headers["webhook-timestamp"])
        key = base64.b64decode(secret[len("whsec_"):], validate=True)
    except (TypeError, ValueError):
        return False
    if not secret.startswith("whsec_") or not key or abs(now - timestamp) > TOLERANCE_SECONDS:
        return False
    text = f"{headers['webhook-id']}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    # During a rotation there are several signatures. One that verifies is enough.
    signatures = (headers["webhook-signature"] or "").split(" ")
    return any(hmac.compare_digest(expected, signature) for signature in signatures)


class Shop:
    """The running shop."""

    def __init__(self, secret, books):
        self.secret, self.books, self.gateway = secret, books, None

    def receive(self, headers, body):
        """Handles a webhook, and gives the status to answer with."""
        if not is_true(self.secret, headers, body, time.time()):
            return 401
        webhook_id, event = headers["webhook-id"], json.loads(body)
        if self.books.is_handled(webhook_id):
            return 200
        if event["type"].startswith("purchase."):
            # The webhook may be old. What counts is what the gateway says now.
            if self.gateway is None:
                return 503
            purchase = self.gateway.purchase(event["data"]["purchase_id"])
            if purchase is None:
                return 503  # It comes again.
            if purchase["safe_to_refund"]:
                self.books.refund(purchase["purchase_id"])
        self.books.handled(webhook_id)
        return 200

    def buy(self, order):
        self.gateway = Gateway(order["gateway_url"], order["gateway_key"])
        wanted = {"service_id": order["service_id"], "phone": order["phone"],
                  "amount_kobo": int(order["amount_kobo"])}
        status, answer = self.gateway.buy(order["order_id"], wanted)
        # Pending is neither delivered nor failed: a webhook tells the end.
        return {"status": status, "state": answer.get("data", {}).get("state")}


def handler(shop):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path == "/hooks":
                self.answer(shop.receive(self.headers, body), {})
            elif self.path == "/buy":
                self.answer(200, shop.buy(json.loads(body)))
            else:
                self.answer(404, {})

        def do_GET(self):
            is_known = self.path == "/refunds"
            self.answer(200 if is_known else 404, shop.books.refunds() if is_known else {})

        def answer(self, status, data):
            body = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    return Handler


def link(gateway, phone, provider):
    """Asks a customer for access to an account: OTP, code, account id."""
    status, answer = gateway.call("POST", "/v2/telecom/auth", {"phone": phone, "provider": provider})
    if status != 200:
        return answer
    session = {"x-session-id": answer["data"]["session_id"]}
    otp = input(f"The OTP that {phone} received: ")
    status, answer = gateway.call("POST", "/v2/telecom/verify", {"otp": otp}, session)
    if status != 200:
        return answer
    status, account = gateway.call("POST", "/account/auth", {"code": answer["data"]["code"]})
    return gateway.call("GET", f"/accounts/{account['id']}/identity")[1] if status == 200 else account


def local(path, body=None):
    """A call to the running shop."""
    url = f"http://127.0.0.1:{os.environ.get('SHOP_PORT', '3000')}{path}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=60) as answer:
        return json.load(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve")
    serve.add_argument("--port", type=int, default=3000)
    commands.add_parser("buy")
    commands.add_parser("refunds")
    access = commands.add_parser("link")
    access.add_argument("phone")
    access.add_argument("provider")
    arguments = parser.parse_args()
    if arguments.command == "serve":
        secret = os.environ.get("WEBHOOK_SECRET")
        if not secret:
            sys.exit("shop: WEBHOOK_SECRET is missing")
        shop = Shop(secret, Books(os.environ.get("SHOP_BOOKS", ":memory:")))
        ThreadingHTTPServer(("127.0.0.1", arguments.port), handler(shop)).serve_forever()
    elif arguments.command == "buy":
        names = ["order_id", "gateway_url", "gateway_key", "service_id", "phone", "amount_kobo"]
        local("/buy", {name: os.environ[name.upper()] for name in names})
    elif arguments.command == "refunds":
        print("\n".join(local("/refunds")))
    else:
        gateway = Gateway(os.environ["GATEWAY_URL"], os.environ["GATEWAY_KEY"])
        print(json.dumps(link(gateway, arguments.phone, arguments.provider), indent=2))


if __name__ == "__main__":
    main()
