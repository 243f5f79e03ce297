// The main flows of the gateway with a client that openapi-typescript makes from openapi.yaml, against a
// sandbox: GATEWAY_URL. `.ci/clients` says how the client is made.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./gateway.js";

type ErrorCode = components["schemas"]["Error"]["code"];

const url = process.env.GATEWAY_URL ?? "http://127.0.0.1:9000";
const gateway = createClient<paths>({ baseUrl: url, headers: { "mono-sec-key": "test_sk_sandbox" } });
const phone = "08031234567";

/** The answer of a call that must succeed with this status. */
function answered<T>(call: { data?: T; error?: unknown; response: Response }, status: number): T {
  assert.equal(call.response.status, status, JSON.stringify(call.error ?? call.data));
  assert.ok(call.data !== undefined);
  return call.data;
}

/** Asks again until there is something. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const found = await ask();
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  return assert.fail("nothing came within 10 s");
}

/** Links the customer's line, and returns the account id. */
async function consent(): Promise<string> {
  const body = { phone, provider: "mtn", consent: { purpose: "loan decision" } } as const;
  const session = answered(await gateway.POST("/v2/telecom/auth", { body }), 200);
  // Here the customer reads the message. The sandbox shows it.
  const messages = await (await fetch(`${url}/_sandbox/otps`)).json();
  const proof = await gateway.POST("/v2/telecom/verify", {
    params: { header: { "x-session-id": session.data.session_id } },
    body: { otp: messages[0].otp },
  });
  const code = answered(proof, 200).data.code;
  return answered(await gateway.POST("/account/auth", { body: { code } }), 200).id;
}

/** Reads what Mono knows about the account. */
async function read(id: string): Promise<void> {
  const params = { path: { id } };
  const account = answered(await gateway.GET("/accounts/{id}", { params }), 200);
  assert.equal(account.account?.accountNumber, "+2348031234567");
  const balances = answered(await gateway.GET("/accounts/{id}/balances", { params }), 200);
  assert.ok(Array.isArray(balances) && balances.length > 0);
  const query = { limit: 2 };
  const page = await gateway.GET("/accounts/{id}/transactions", { params: { ...params, query } });
  const { paging, data } = answered(page, 200);
  assert.ok(Array.isArray(data) && data.length === 2 && data[0]?.amount);
  assert.equal(paging?.total, 3);
  const record = answered(await gateway.GET("/accounts/{id}/consent", { params }), 200);
  assert.equal(record.data.consent?.purpose, "loan decision");
}

/** Asks MTN itself: one answer comes at once, one later. */
async function askMtn(id: string): Promise<void> {
  const params = { path: { id } };
  const balance = await gateway.GET("/accounts/{id}/mtn/balance", { params });
  assert.equal(balance.response.status, 200);
  // 200 and 202 have different types: `state` is only in the second.
  assert.ok(balance.data && "recognised" in balance.data && balance.data.data?.mainBalance);
  const recharges = await gateway.GET("/accounts/{id}/mtn/recharges", { params });
  assert.equal(recharges.response.status, 202);
  assert.ok(recharges.data && !("recognised" in recharges.data));
  const later = recharges.data.data;
  assert.equal(later.state, "waiting");
  const waiting = { path: { request_id: later.request_id }, header: { Prefer: "wait=10" } };
  const read = answered(await gateway.GET("/requests/{request_id}", { params: waiting }), 200);
  assert.equal(read.data.state, "available");
  assert.equal(read.data.operation, "recharges");
  assert.ok(read.data.result);
}

/** Buys airtime that is delivered at once, and airtime that is delivered later. */
async function buy(): Promise<string> {
  const service = { path: { serviceID: "etisalat-data" } } as const;
  const catalogue = answered(await gateway.GET("/services/{serviceID}/variations", { params: service }), 200);
  assert.ok(catalogue.data.on_sale && catalogue.data.variations[0]?.fixed_price);
  const order = (phone: string, key: string) =>
    gateway.POST("/purchases", {
      params: { header: { "Idempotency-Key": key } },
      body: { service_id: "mtn", phone, amount_kobo: 10_000 },
    });
  const delivered = answered(await order("08011111111", "order-1"), 201).data;
  assert.equal(delivered.state, "delivered");
  assert.equal(delivered.safe_to_refund, false);
  assert.equal(delivered.cost_kobo! + delivered.commission_kobo!, delivered.amount_kobo);
  const pending = answered(await order("201000000000", "order-2"), 202).data;
  assert.equal(pending.state, "pending");
  const path = { purchase_id: pending.purchase_id };
  const found = answered(await gateway.GET("/purchases/{purchase_id}", { params: { path } }), 200).data;
  assert.deepEqual(found.history?.map((line) => line.action), ["recorded", "sent"]);
  await until(async () => {
    const query = { state: "delivered", limit: 10 } as const;
    const list = answered(await gateway.GET("/purchases", { params: { query } }), 200);
    assert.equal(list.paging.next, null);
    return list.data.find((one) => one.purchase_id === delivered.purchase_id);
  });
  return delivered.purchase_id;
}

/** Reads the event that tells of the purchase. */
async function events(purchaseId: string): Promise<void> {
  const event = await until(async () => {
    const query = { type: "purchase.delivered" } as const;
    const list = answered(await gateway.GET("/events", { params: { query } }), 200);
    return list.data.find(({ data }) => "purchase_id" in data && data.purchase_id === purchaseId);
  });
  assert.equal(event.type, "purchase.delivered");
}

/** Adds, lists and removes a webhook endpoint. */
async function webhooks(): Promise<void> {
  const body = { url: "http://127.0.0.1:3000/hooks", events: ["purchase.failed" as const], signature: "v1" as const };
  const made = answered(await gateway.POST("/webhook-endpoints", { body }), 201).data;
  assert.match(made.secret ?? "", /^whsec_/);
  const list = answered(await gateway.GET("/webhook-endpoints"), 200).data;
  assert.deepEqual(list.map((one) => [one.id, one.state]), [[made.id, "enabled"]]);
  const path = { endpoint_id: made.id };
  const removed = await gateway.DELETE("/webhook-endpoints/{endpoint_id}", { params: { path } });
  assert.equal(answered(removed, 200).data.removed, true);
}

/** Errors have types, too. */
async function errors(): Promise<void> {
  const failure = async (body: components["schemas"]["OtpOrder"], status: number, code: ErrorCode) => {
    const { error, response } = await gateway.POST("/v2/telecom/auth", { body });
    assert.equal(response.status, status);
    assert.ok(error && "code" in error);
    assert.equal(error.code, code);
    assert.ok(error.request_id && error.message);
  };
  await failure({ phone: "12", provider: "mtn" }, 400, "invalid_request");
  await failure({ phone: "08030000000", provider: "mtn" }, 422, "upstream_rejected");
  const { error, response } = await createClient<paths>({ baseUrl: url }).GET("/events");
  assert.equal(response.status, 401);
  assert.equal(error?.message, "Unauthorized");
}

const id = await consent();
await read(id);
await askMtn(id);
await events(await buy());
await webhooks();
await errors();
console.log("the client in TypeScript did every flow");
