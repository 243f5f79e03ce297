#!/usr/bin/env node
// A small shop that sells airtime through the telco gateway. Node 18 or later, nothing to install.
//
//     shop.mjs serve [PORT]           runs the shop: webhooks at /hooks, on port 3000 unless given
//     shop.mjs buy                    makes the running shop buy ORDER_ID, see below
//     shop.mjs refunds                prints the purchase of each refund, one on a line
//     shop.mjs link PHONE PROVIDER    asks a customer for access, and prints the identity
//
// `serve` reads WEBHOOK_SECRET (whsec_...). `buy` reads ORDER_ID, SERVICE_ID, PHONE, AMOUNT_KOBO,
// GATEWAY_URL and GATEWAY_KEY, as `rehearse` sets them.
//
// Three rules keep its money safe. It repeats a request under the same Idempotency-Key. It believes no
// webhook that it cannot verify. It refunds only what the gateway itself says is safe to refund, once.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline/promises";

const TOLERANCE_SECONDS = 300;
const TRIES = 5;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** A call to the gateway: status and JSON. A connection that fails is a 503. */
async function call(gateway, method, path, body, headers = {}) {
  try {
    const answer = await fetch(gateway.url + path, {
      method,
      headers: { "mono-sec-key": gateway.key, "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    return { status: answer.status, json: await answer.json() };
  } catch {
    return { status: 503, json: {} };
  }
}

/** Buys. The order's id is the Idempotency-Key, so a repeat never buys twice. */
async function buy(gateway, orderId, order) {
  for (let attempt = 0; ; attempt++) {
    const headers = { "idempotency-key": orderId };
    const answer = await call(gateway, "POST", "/purchases", order, headers);
    const isClear = answer.status < 500 && answer.status !== 429;
    if (isClear || attempt + 1 === TRIES) return answer;
    await pause(50 * 2 ** attempt);
  }
}

/** Whether a webhook comes from the gateway, by Standard Webhooks. */
function isTrue(secret, headers, body, now) {
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map(
    (name) => headers[`webhook-${name}`] ?? "",
  );
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  if (!/^\d+$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const mac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
  const expected = Buffer.from(`v1,${mac.digest("base64")}`);
  // During a rotation there are several signatures. One that verifies is enough.
  return signatures.split(" ").some((signature) => {
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

/** The running shop. What it knows is lost when it ends; a real shop has a database with unique keys. */
class Shop {
  constructor(secret) {
    this.secret = secret;
    this.handled = new Set();
    this.refunds = new Set();
  }

  /** Handles a webhook, and gives the status to answer with. */
  async receive(headers, body) {
    if (!isTrue(this.secret, headers, body, Date.now() / 1000)) return 401;
    const id = headers["webhook-id"];
    if (this.handled.has(id)) return 200;
    const event = JSON.parse(body);
    if (event.type.startsWith("purchase.")) {
      // The webhook may be old. What counts is what the gateway says now.
      if (!this.gateway) return 503;
      const answer = await call(this.gateway, "GET", `/purchases/${event.data.purchase_id}`);
      if (answer.status !== 200) return 503; // It comes again.
      const purchase = answer.json.data;
      // A real shop tells its payment provider here.
      if (purchase.safe_to_refund) this.refunds.add(purchase.purchase_id);
    }
    this.handled.add(id);
    return 200;
  }

  async buy(order) {
    this.gateway = { url: order.gateway_url, key: order.gateway_key };
    const { service_id, phone } = order;
    const wanted = { service_id, phone, amount_kobo: Number(order.amount_kobo) };
    const { status, json } = await buy(this.gateway, order.order_id, wanted);
    // Pending is neither delivered nor failed: a webhook tells the end.
    return { status, state: json.data?.state ?? null };
  }
}

function serve(shop, port) {
  const answer = async (request) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const route = `${request.method} ${request.url}`;
    if (route === "POST /hooks") return [await shop.receive(request.headers, body), {}];
    if (route === "POST /buy") return [200, await shop.buy(JSON.parse(body))];
    if (route === "GET /refunds") return [200, [...shop.refunds]];
    return [404, {}];
  };
  const server = createServer(async (request, response) => {
    const [status, data] = await answer(request).catch(() => [500, {}]);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(data));
  });
  server.listen(port, "127.0.0.1");
}

/** Asks a customer for access to an account: OTP, code, account id, identity. */
async function link(gateway, phone, provider) {
  const begun = await call(gateway, "POST", "/v2/telecom/auth", { phone, provider });
  if (begun.status !== 200) return begun.json;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const otp = await terminal.question(`The OTP that ${phone} received: `);
  terminal.close();
  const session = { "x-session-id": begun.json.data.session_id };
  const proven = await call(gateway, "POST", "/v2/telecom/verify", { otp }, session);
  if (proven.status !== 200) return proven.json;
  const account = await call(gateway, "POST", "/account/auth", { code: proven.json.data.code });
  if (account.status !== 200) return account.json;
  return (await call(gateway, "GET", `/accounts/${account.json.id}/identity`)).json;
}

/** A call to the running shop. */
async function local(path, body) {
  const url = `http://127.0.0.1:${process.env.SHOP_PORT ?? 3000}${path}`;
  const answer = await fetch(url, body && { method: "POST", body: JSON.stringify(body) });
  return answer.json();
}

const [command, ...rest] = process.argv.slice(2);
const { env } = process;
if (command === "serve") {
  if (!env.WEBHOOK_SECRET?.match(/^whsec_.+/)) throw new Error("WEBHOOK_SECRET is missing");
  serve(new Shop(env.WEBHOOK_SECRET), Number(rest[0] ?? 3000));
} else if (command === "buy") {
  const names = ["order_id", "gateway_url", "gateway_key", "service_id", "phone", "amount_kobo"];
  await local("/buy", Object.fromEntries(names.map((name) => [name, env[name.toUpperCase()]])));
} else if (command === "refunds") {
  console.log((await local("/refunds")).join("\n"));
} else if (command === "link") {
  const gateway = { url: env.GATEWAY_URL, key: env.GATEWAY_KEY };
  console.log(JSON.stringify(await link(gateway, rest[0], rest[1]), null, 2));
} else {
  console.error("usage: shop.mjs serve [PORT] | buy | refunds | link PHONE PROVIDER");
  process.exitCode = 1;
}
