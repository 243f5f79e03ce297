// Uses the page of a sandbox at GATEWAY_URL as a person would. It fails on whatever does not come, on any
// error in the browser's console, on any request to another host, and on what axe finds serious.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "axe-core";
import { chromium } from "playwright-core";

const URL = process.env.GATEWAY_URL;
const PICTURES = process.env.PICTURES;
const KEY = { "mono-sec-key": "test_sk_sandbox", "content-type": "application/json" };
const VIEWS = ["flow", "phone", "orders", "todo", "providers", "clock", "queues", "requests", "webhooks", "report"];
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const DELIVERED = "08011111111";
const PENDING = "201000000000";

const profile = mkdtempSync(join(tmpdir(), "browser-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM, args: QUIET, viewport: { width: 1280, height: 900 }, reducedMotion: "reduce",
});
const page = browser.pages()[0] ?? (await browser.newPage());
page.setDefaultTimeout(20_000);
const problems = [];
// The browser reports a refused request as an error. One is meant: the forged webhook.
const REFUSED = "status of 400";
let forged = 0;
page.on("console", (message) => {
  if (message.type() !== "error") return;
  if (message.location().url === `${URL}/_sandbox/receiver` && message.text().includes(REFUSED)) forged += 1;
  else problems.push(`${message.text()} ${message.location().url}`);
});
page.on("pageerror", (error) => problems.push(String(error)));
page.on("request", (request) => request.url().startsWith(URL) || problems.push(`asked ${request.url()}`));

let clicks = 0;
const one = (name) => page.locator(`[data-test="${name}"]`).first();
async function click(name) {
  await one(name).click();
  clicks += 1;
}
const shows = (name, text) => one(name).filter({ hasText: text }).waitFor();
const open = async (view) => {
  await page.goto(`${URL}/_sandbox#/${view}`);
  await page.locator("#main h1").waitFor();
};
const post = async (path, body, headers = {}) => {
  const answer = await fetch(URL + path, { method: "POST", headers: { ...KEY, ...headers }, body: JSON.stringify(body) });
  return answer.json();
};

// From an empty page to a delivered purchase.
async function firstFlow(number) {
  for (const step of ["ask", "verify", "exchange", "read", "prices"]) await click(`flow-${step}`);
  if (number !== DELIVERED) await click(`flow-outcome-${number}`);
  await click("flow-buy");
}

await open("flow");
await firstFlow(DELIVERED);
await shows("flow-result", "delivered");
console.log(`from the page to a delivered purchase: ${clicks} clicks`);
assert.ok(clicks <= 8);
await page.screenshot({ path: join(PICTURES, "flow-1280.png") });

// A receiver is registered; a bundle stays pending; the clock is turned until it is delivered.
await open("webhooks");
await click("webhook-register");
await one("endpoint").waitFor();
await open("flow");
await click("flow-restart");
await firstFlow(PENDING);
await shows("flow-result", "pending");
for (let minute = 0; minute < 30 && !(await one("flow-result").innerText()).includes("delivered"); minute += 1) {
  await click("flow-minute");
  await page.waitForTimeout(300);
}
await shows("flow-result", "delivered");
await click("flow-story");
await page.locator("#main h1").waitFor();
// The pictures of the README.
await one("health-open").filter({ hasText: "0" }).waitFor();
await page.evaluate('document.querySelector("#toast").style.visibility = "hidden"');
await page.screenshot({ path: join(PICTURES, "story-1280.png") });
await page.setViewportSize({ width: 390, height: 900 });
await page.screenshot({ path: join(PICTURES, "story-390.png") });
await page.setViewportSize({ width: 1280, height: 900 });

// The webhook arrived and its signature is right; a forged one is not.
await open("webhooks");
for (let minute = 0; minute < 10 && (await page.locator('[data-test="delivery"]').count()) === 0; minute += 1) {
  await fetch(`${URL}/_sandbox/clock`, { method: "POST", body: JSON.stringify({ advance_seconds: 60 }) });
  await page.waitForTimeout(300);
}
await shows("delivery", "verified");
await click("webhook-forge");
await page.locator('[data-test="delivery"]').filter({ hasText: "wrong signature" }).waitFor();

// What happens elsewhere is shown within a moment.
await open("requests");
const asked = Date.now();
await fetch(`${URL}/purchases/${"0".repeat(32)}`, { headers: KEY });
await page.locator("#main").filter({ hasText: "/purchases/{purchase_id}" }).waitFor();
console.log(`a request was shown after ${Date.now() - asked} ms`);

// An order that nobody can prove waits for a person, who settles it.
await post("/_sandbox/vtpass/next", [{ call: "pay", code: "099", status: "pending", asks: 1_000_000 }]);
await post("/purchases", { service_id: "mtn", phone: "08031234567", amount_kobo: 10_000 }, { "idempotency-key": "stuck" });
await open("clock");
await click("clock-86400");
await page.locator('[data-test="clock-ahead"]').filter({ hasText: "1 d" }).waitFor({ timeout: 120_000 });
await open("todo");
await one("todo-order").waitFor({ timeout: 60_000 });
await page.screenshot({ path: join(PICTURES, "todo-1280.png") });
await one("settle-failed").check();
await one("settle-reason").fill("ticket 4711: not in their books");
await one("settle-by").fill("Ngozi");
await click("settle-send");
await one("todo-none").waitFor();

// A person saw at VTpass that a delivered order was reversed.
const sold = await post("/purchases", { service_id: "mtn", phone: DELIVERED, amount_kobo: 10_000 }, { "idempotency-key": "reversed" });
await open(`story/${sold.data.purchase_id}`);
assert.equal(await one("settle-failed").count(), 0, "a delivered order did not fail");
await one("settle-reversed").check();
await one("settle-reason").fill("ticket 4712: reversed in their books");
await one("settle-by").fill("Ngozi");
await click("settle-send");
await page.locator("#main .tag", { hasText: "reversed" }).first().waitFor();
assert.equal(await one("settle").count(), 0, "and nothing is left to settle");

// Each view at both widths: it fits, and axe finds nothing serious.
for (const width of [1280, 390]) {
  await page.setViewportSize({ width, height: 844 });
  for (const view of VIEWS) {
    await open(view);
    await page.waitForTimeout(200);
    const wide = await page.evaluate("document.documentElement.scrollWidth");
    assert.ok(wide <= width, `${view} is ${wide} wide at ${width}`);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate("axe.run()");
    const serious = violations.filter((it) => ["serious", "critical"].includes(it.impact));
    const found = serious.map((it) => `${it.id}: ${it.nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(found, [], `${view} at ${width}`);
    await page.screenshot({ path: join(PICTURES, `${view}-at-${width}.png`) });
  }
}
await browser.close();
rmSync(profile, { recursive: true, force: true });
assert.deepEqual(problems, [], "in the browser");
assert.equal(forged, 1);
console.log(`${VIEWS.length} views at two widths: nothing serious`);
