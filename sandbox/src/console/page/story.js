// The story of one order, one request to MTN, or one account.

import { api, sandbox } from "./api.js";
import { action, h, head, refresh, toast } from "./dom.js";
import { exchange } from "./exchange.js";
import { facts, moment, money, span, tag } from "./format.js";
import { live, on } from "./live.js";
import { load, timeline } from "./timeline.js";
import { panel } from "./todo.js";

const FINAL = ["delivered", "failed", "reversed"];

const ID = /^[0-9a-f]{32}$/;

async function find(id) {
  if (!ID.test(id)) return null;
  try {
    return await sandbox(`orders/${encodeURIComponent(id)}`);
  } catch {
    return null;
  }
}

function summary(order) {
  const left = new Date(order.deadline_at) - new Date(live.health?.now ?? Date.now());
  return facts([
    ["State", tag(order.state)],
    ["Safe to refund", order.safe_to_refund ? "yes" : "no"],
    ["Bought", order.variation_code ? `${order.service_id}, ${order.variation_code}` : order.service_id],
    ["For", order.phone],
    ["Amount", money(order.amount_kobo)],
    ["Cost", money(order.cost_kobo)],
    ["Made", moment(order.created_at)],
    ["Last change", moment(order.updated_at)],
    FINAL.includes(order.state) ? null : ["Time left to the answer", order.state === "needs_review" ? "a person decides" : span(Math.max(left, 0))],
    ["Asked next", order.next_check_at ? moment(order.next_check_at) : "not again"],
    ["Looked back on", order.reconciled_at ? moment(order.reconciled_at) : "not yet"],
    ["Known to the provider as", h("span", { class: "mono" }, order.request_id)],
  ]);
}

function attempts(order) {
  return h("ol", { class: "events dated" }, order.history.map((line) =>
    h("li", null, h("span", { class: "off" }, moment(line.at)), h("span", { class: "kind" }, line.action.replaceAll("_", " ")),
      h("span", null, line.meaning.replaceAll("_", " ")), line.state ? tag(line.state) : h("span"))));
}

export async function show(root, [id], { until, again }) {
  const first = await find(id);
  const answers = h("div", { class: "panel", hidden: true });
  const look = action("Ask the API", async () => {
    const path = first ? `/purchases/${id}` : ID.test(id) ? `/requests/${id}` : `/accounts/${id}/consent`;
    const answer = await api("GET", path);
    answers.hidden = false;
    answers.replaceChildren(exchange(answer, "story"));
  }, { "data-test": "story-ask" });
  root.append(head(first ? "Order" : "Story", null, h("a", { class: "button", href: "#/orders" }, "All orders"), look));
  root.querySelector(".head > div").append(h("p", { class: "mono" }, id));
  const parts = h("div", { class: "stack" });
  root.append(parts);
  const top = h("section", { class: "panel stack", "aria-label": "The order" });
  const settle = h("div");
  const line = h("div");
  const words = h("div");
  if (first) parts.append(top, settle);
  parts.append(answers, h("section", { class: "panel", "aria-labelledby": "happened" }, h("header", null, h("h2", { id: "happened" }, "What happened")), line));
  if (first) parts.append(h("section", { class: "panel", "aria-labelledby": "history" }, h("header", null, h("h2", { id: "history" }, "What the tenant reads")), words));

  async function draw() {
    const order = first && (await find(id));
    if (order) {
      refresh(top, [order, Math.floor(Date.now() / 30_000)], () => [summary(order), reverse(order)]);
      refresh(settle, [order.state], () => panel(order, again));
      refresh(words, order.history, () => attempts(order));
    }
    const entries = await load(id, order);
    refresh(line, entries, () => timeline(entries));
  }

  // What VTpass's staff may do later.
  function reverse(order) {
    if (order.state !== "delivered" || order.service_id === "mtn-refill") return null;
    return h("div", { class: "row" }, action("Let VTpass reverse it", async () => {
      await sandbox("vtpass/resolve", "POST", { request_id: order.request_id, state: "reversed" });
      toast("VTpass reversed it, and says so by its webhook");
    }, { "data-test": "story-reverse" }));
  }
  await draw();
  // What is sent to the tenant is about the event, so every delivery may belong here.
  const concerns = (entry) => entry.about.includes(id) || entry.who === "send-webhook";
  until(on("activity", (entries) => (entries.some(concerns) ? draw() : null)));
}
