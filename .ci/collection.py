"""Completes the Postman collection that openapi-to-postmanv2 wrote, and, where GATEWAY_URL is set, sends its
requests to that sandbox. Run by .ci/collection and .ci/clients."""

import json
import os
import sys
from pathlib import Path

from sandbox import call, expect

FILE = Path("target/telco-gateway.postman_collection.json")
KEY = "test_sk_sandbox"
# These need nothing that an earlier request made.
COMPLETE = {
    "Send an OTP to a phone number",
    "List the providers, and which services are on sale",
    "List the data bundles of a service and their prices",
    "Buy a data bundle or airtime",
    "List your purchases, newest first",
    "List your events, newest first",
    "List your webhook endpoints",
}


def complete():
    """Gives the collection the key of the sandbox, which the contract does not hold."""
    collection = json.loads(FILE.read_text(encoding="utf-8"))
    collection["variable"].append({"key": "apiKey", "value": KEY})
    FILE.write_text(json.dumps(collection, indent=2), encoding="utf-8")


def send(url):
    """Sends each request. Its route exists, the key is right, and some must succeed."""
    folders = json.loads(FILE.read_text(encoding="utf-8"))["item"]
    requests = [item["request"] for folder in folders for item in folder["item"]]
    succeeded = set()
    for request in requests:
        values = {it["key"]: it["value"] for it in request["url"]["variable"]}
        parts = [values[it[1:]] if it[0] == ":" else it for it in request["url"]["path"]]
        headers = {it["key"]: it["value"] for it in request["header"] if not it.get("disabled")}
        body = request["body"].get("raw", "").encode() or None
        address = f"{url}/{'/'.join(parts)}"
        status, answer = call(address, body, method=request["method"], **headers, **{"mono-sec-key": KEY})
        wrong = status in (401, 405) or status >= 500 or answer == {"message": "Not Found"}
        expect(not wrong, f"{request['method']} {address}: {status} {answer}")
        if status < 300:
            succeeded.add(request["name"])
    expect(COMPLETE <= succeeded, f"these requests did not succeed: {COMPLETE - succeeded}")
    print(f"the collection has {len(requests)} requests, of which {len(succeeded)} succeeded")


if "GATEWAY_URL" in os.environ:
    send(os.environ["GATEWAY_URL"])
else:
    complete()
    print(f"{FILE}: import it into Postman, Bruno, Insomnia or Hoppscotch", file=sys.stderr)
