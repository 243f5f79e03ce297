"""Runs the built functions on moto's DynamoDB and SQS. Run by .ci/second-engine.

One request at a time: moto checks a condition and writes in two steps, so two at once may both pass."""

import json
import time
from collections import Counter

import boto3
from botocore.exceptions import ClientError
from sandbox import Process, Sandbox, call, expect, free_port, reachable, until

KEY, LIMITED = "test_sk_one", "test_sk_two"
DELIVERED, PENDING = "08011111111", "201000000000"
# Moto's account must be the sandbox's, which the ARNs of the dead-letter queues name.
ACCOUNT = "000000000000"
REGION = "us-east-1"


def within(seconds, condition, what):
    end = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.1)


class Tenant:
    """A tenant that calls the gateway."""

    def __init__(self, sandbox, key):
        self.sandbox, self.key = sandbox, key

    def ask(self, path, body=None, **headers):
        body = None if body is None else json.dumps(body).encode()
        return call(self.sandbox.url + path, body, **{"mono-sec-key": self.key}, **headers)

    def ok(self, path, body=None, **headers):
        status, answer = self.ask(path, body, **headers)
        expect(status in (200, 201, 202), f"{path}: {status}: {answer}")
        return answer

    def buy(self, key, phone=DELIVERED, amount=10_000):
        order = {"service_id": "mtn", "phone": phone, "amount_kobo": amount}
        return self.ask("/purchases", order, **{"Idempotency-Key": key})

    def state(self, purchase):
        return self.ok(f"/purchases/{purchase}")["data"]["state"]


def consent(tenant):
    """From a number to its data, and back."""
    session = tenant.ok("/v2/telecom/auth", {"phone": "07082109281", "provider": "airtel"})
    otp = {"otp": tenant.ok("/_sandbox/otps")[0]["otp"]}
    of = {"x-session-id": session["data"]["session_id"]}
    proven = tenant.ok("/v2/telecom/verify", otp, **of)
    code = {"code": proven["data"]["code"]}
    account = tenant.ok("/account/auth", code)["id"]
    expect(tenant.ok("/account/auth", code)["id"] == account, "a repeat is answered alike")
    tenant.ok(f"/accounts/{account}/balances")
    tenant.ok(f"/accounts/{account}/unlink", {})
    expect(tenant.ask(f"/accounts/{account}")[0] == 404, "an unlinked account is closed")
    expect(tenant.ask("/v2/telecom/verify", otp, **of)[0] == 410, "a session is used once")


def purchases(tenant):
    """Orders, repeats, lists, and a chain to its end."""
    status, first = tenant.buy("one")
    expect(status == 201, f"the order is delivered: {status} {first}")
    expect(tenant.buy("one")[1]["data"]["purchase_id"] == first["data"]["purchase_id"], "a repeat")
    expect(tenant.buy("one", amount=20_000)[0] == 409, "another order under the same key")
    pending = tenant.buy("later", PENDING)[1]["data"]["purchase_id"]
    expect(tenant.state(pending) == "pending", "it is pending at first")
    within(30, lambda: tenant.state(pending) == "delivered", "the chain settles it")
    paid = Counter(order["request_id"] for order in tenant.ok("/_sandbox/vtpass/ledger"))
    expect(len(paid) == 2 and set(paid.values()) == {1}, f"each order is paid for once: {paid}")
    for query, count in [("state=delivered", 2), ("state=failed", 0), (f"phone={DELIVERED}", 1)]:
        found = tenant.ok(f"/purchases?{query}")["data"]
        expect(len(found) == count, f"{query}: {len(found)}, not {count}")
    pages, url = [], "/purchases?limit=1"
    while url:
        page = tenant.ok(url.removeprefix(tenant.sandbox.url))
        pages += [it["purchase_id"] for it in page["data"]]
        url = page["paging"]["next"]
    expect(len(pages) == len(set(pages)) == 2, f"the pages hold each order once: {pages}")
    told = lambda: Counter(event["type"] for event in tenant.ok("/events")["data"])  # noqa: E731
    within(30, lambda: told()["purchase.delivered"] == 2, "each delivery is told once")
    expect(told()["account.unlinked"] == 1, f"the unlink is told: {told()}")


def limits(tenant):
    """Ten orders, where five are allowed."""
    answers = [tenant.buy(f"limited-{n}") for n in range(10)]
    statuses = Counter(status for status, _ in answers)
    expect(statuses[201] == 5 and statuses[429] == 5, f"five and five: {statuses}")


def conditions(dynamodb):
    """A refused condition gives the item that it met; an index holds only items with its keys."""
    try:
        dynamodb.put_item(
            TableName="PurchasesTable",
            Item={"purchase_id": dynamodb.scan(TableName="PurchasesTable")["Items"][0]["purchase_id"]},
            ConditionExpression="attribute_not_exists(purchase_id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        expect(False, "the condition was not checked")
    except ClientError as error:
        expect("state" in error.response["Item"], f"the item that was met: {error.response}")
    scan = dynamodb.scan(TableName="PurchasesTable", IndexName="to_reconcile")
    kept = [item for item in scan["Items"] if "reconcile_part" not in item]
    expect(scan["Count"] > 0 and not kept, f"a sparse index: {scan['Count']}, {kept}")


def failures(sqs, tenant):
    """Of a batch, what succeeded is deleted; what fails comes again, and then stands among the dead letters."""
    url, policy = follow_ups(sqs)
    dead = sqs.get_queue_url(QueueName=policy["deadLetterTargetArn"].rpartition(":")[2])["QueueUrl"]
    done = json.dumps({"kind": "hint", "tenant": "nobody", "purchase_id": "0" * 32, "step": 0})
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(["unreadable", done])]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    waiting = "ApproximateNumberOfMessages"
    within(60, lambda: attributes(sqs, dead, waiting)[waiting] == "1", "one dead letter")
    letter = sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"]
    expect(letter == "unreadable", f"the dead letter: {letter}")
    lines = [json.loads(line) for line in tenant.sandbox.output()[1].splitlines()]
    outcomes = [it["done"] for it in lines if it.get("function") == "requery" and it.get("kind") == "hint"]
    expect(outcomes == [True], f"the other message was done once: {outcomes}")


def follow_ups(sqs):
    """The URL and the redrive policy of the follow-up queue."""
    url = sqs.get_queue_url(QueueName="FollowUpQueue")["QueueUrl"]
    return url, json.loads(attributes(sqs, url, "RedrivePolicy")["RedrivePolicy"])


def fail_soon(sqs):
    """What fails comes again after a second, and is dead after three times. It holds from the next poll on."""
    url, policy = follow_ups(sqs)
    policy["maxReceiveCount"] = 3
    soon = {"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(policy)}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=soon)


def attributes(sqs, url, *names):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]


port = free_port()
environment = {"MOTO_ACCOUNT_ID": ACCOUNT}
with Process(["moto_server", "-H", "127.0.0.1", "-p", str(port)], **environment) as moto:
    until(lambda: reachable(port), moto)
    endpoint = f"http://127.0.0.1:{port}"
    settings = {
        "AWS_ENDPOINT_URL": endpoint,
        "SANDBOX_KEYS": f"{KEY},{LIMITED}",
        "REQUERY_SCHEDULE_SECONDS": "1",
        "LIMIT_PURCHASES": "5/600,1000/86400",
    }
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name=REGION)
    dynamodb, sqs = (session.client(name, endpoint_url=endpoint) for name in ("dynamodb", "sqs"))
    with Sandbox(free_port(), "--binaries", "target/lambda", **settings) as sandbox:
        tenant = Tenant(sandbox, KEY)
        fail_soon(sqs)
        turned = tenant.ask("/_sandbox/clock", {"advance_seconds": 60})[0]
        expect(turned == 409, f"processes do not follow the sandbox's clock: {turned}")
        consent(tenant)
        purchases(tenant)
        conditions(dynamodb)
        failures(sqs, tenant)
        limits(Tenant(sandbox, LIMITED))
print("the built functions hold on another maker's DynamoDB and SQS")
