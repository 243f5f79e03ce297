"""Judges the signatures of our webhooks with the standard's own libraries: in Python, and in JavaScript
where node and npm are. The one in Rust judges them in the tests. Run by .ci/signatures."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

from sandbox import Sandbox, call, expect, free_port

KEY = {"mono-sec-key": "test_sk_sandbox"}
ORDER = {"service_id": "mtn", "phone": "08011111111", "amount_kobo": 10_000}
RECEIVED = []


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it receives."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        RECEIVED.append({"headers": {k.lower(): v for k, v in self.headers.items()}, "body": body})
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def received(sandbox, order):
    """Buys, and gives the webhook that tells of it."""
    count = len(RECEIVED)
    body = json.dumps(ORDER).encode()
    status, answer = call(f"{sandbox.url}/purchases", body, **KEY, **{"idempotency-key": order})
    expect(status == 201, f"the order: {status} {answer}")
    for _ in range(200):
        if len(RECEIVED) > count:
            return RECEIVED[-1]
        time.sleep(0.05)
    expect(False, "no webhook came within 10 s")


def cases(sandbox, port):
    """Webhooks with a secret, and whether they are to be taken."""

    def post(path, body=b"{}"):
        status, answer = call(sandbox.url + path, body, **KEY)
        expect(status in (200, 201), f"{path}: {status} {answer}")
        return answer["data"]

    url = json.dumps({"url": f"http://127.0.0.1:{port}/"}).encode()
    endpoint = post("/webhook-endpoints", url)
    old, true_one = endpoint["secret"], received(sandbox, "one")
    new = post(f"/webhook-endpoints/{endpoint['id']}/rotate")["secret"]
    rotating = received(sandbox, "two")
    headers, body = true_one["headers"], true_one["body"]
    past = str(int(headers["webhook-timestamp"]) - 600)
    unsigned = {k: v for k, v in headers.items() if k != "webhook-signature"}
    yield "a true one", True, {**true_one, "secret": old}
    yield "the old secret during a rotation", True, {**rotating, "secret": old}
    yield "the new secret during a rotation", True, {**rotating, "secret": new}
    yield "another secret", False, {**true_one, "secret": new}
    yield "a body that was changed", False, {
        **true_one, "secret": old, "body": body.replace("delivered", "reversed")}
    yield "an old one", False, {
        **true_one, "secret": old, "headers": {**headers, "webhook-timestamp": past}}
    yield "an unsigned one", False, {**true_one, "secret": old, "headers": unsigned}


def by_python(webhooks):
    def takes(webhook):
        try:
            Webhook(webhook["secret"]).verify(webhook["body"], webhook["headers"])
            return True
        except WebhookVerificationError:
            return False

    return [takes(webhook) for webhook in webhooks]


def by_javascript(webhooks):
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(".ci/javascript/verify.mjs", directory)
        Path(directory, "node_modules").symlink_to(Path(os.environ["NODE_TOOLS"], "node_modules"))
        lines = "".join(json.dumps(webhook) + "\n" for webhook in webhooks)
        run = subprocess.run(["node", "verify.mjs"], cwd=directory, input=lines, text=True,
                             capture_output=True, check=True)
    return [line == "true" for line in run.stdout.split()]


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
with Sandbox(free_port()) as running:
    names, expected, webhooks = zip(*cases(running, server.server_port))
judges = {"Python": by_python}
if "NODE_TOOLS" in os.environ:
    judges["JavaScript"] = by_javascript
else:
    print("node or npm is not here: the library in JavaScript judges nothing")
for language, judge in judges.items():
    taken = judge(webhooks)
    wrong = [name for name, is_taken, wanted in zip(names, taken, expected) if is_taken != wanted]
    expect(len(taken) == len(expected) and not wrong, f"{language}: {wrong or taken}")
    print(f"the library in {language} judges {len(taken)} webhooks as it should")
