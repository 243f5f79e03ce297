// What waits for a person: the orders in needs_review, and how they are settled. Of a delivered order a reversal is recorded.

import { sandbox, state } from "./api.js";
import { action, h, head, sync, toast } from "./dom.js";
import { facts, moment, money, tag } from "./format.js";
import { on, refreshHealth } from "./live.js";

const OUTCOMES = [
  ["delivered", "Delivered", "The customer has the value."],
  ["failed", "Failed", "Not delivered and not charged. Your tenant may refund."],
  ["reversed", "Reversed", "Charged, and paid back. Your tenant may refund."],
];

// The form that settles an order. `done` is called afterwards.
export function form(order, done) {
  const outcomes = OUTCOMES.filter(([value]) => order.state === "needs_review" || value === "reversed");
  const name = `settle-${order.purchase_id}`;
  const reason = h("input", { id: `${name}-reason`, required: true, maxlength: 500, placeholder: "support ticket 4711: not in their books", "data-test": "settle-reason" });
  const by = h("input", { id: `${name}-by`, required: true, maxlength: 64, value: sessionStorage.getItem("operator") ?? "", autocomplete: "name", "data-test": "settle-by" });
  const choices = outcomes.map(([value, title, text]) => h("label", { class: "choice" },
    h("input", { type: "radio", name, value, "data-test": `settle-${value}` }), h("span", null, title, h("small", null, text))));
  const send = action("Settle", async () => {
    const to = own.querySelector(`input[name="${name}"]:checked`)?.value;
    if (!to) throw new Error("Choose what the provider's records show.");
    await sandbox(`orders/${order.purchase_id}/settle`, "POST", { to, reason: reason.value, by: by.value });
    sessionStorage.setItem("operator", by.value);
    toast(`Settled as ${to}`);
    refreshHealth();
    done();
  }, { class: "primary", "data-test": "settle-send" });
  const own = h("div", { class: "stack", "data-test": "settle" },
    h("fieldset", { class: "choices" }, h("legend", null, "What the provider's records show"), choices),
    h("div", { class: "cards" }, h("div", { class: "field" }, h("label", { for: reason.id }, "How it is known"), reason),
      h("div", { class: "field" }, h("label", { for: by.id }, "Your name, for the record"), by)),
    h("div", null, send));
  return own;
}

// The form, where the state of the order allows one.
export function panel(order, done) {
  const titles = { needs_review: "Settle it", delivered: "Record a reversal" };
  const title = titles[order.state];
  return title ? h("section", { class: "panel" }, h("header", null, h("h2", null, title)), form(order, done)) : null;
}

function card(order, draw) {
  const last = order.attempts?.at(-1);
  return h("section", { class: "panel", "data-test": "todo-order" },
    h("header", null, h("h2", null, `${order.service_id}, ${money(order.amount_kobo)}`), h("a", { href: `#/story/${order.purchase_id}` }, "Its story")),
    h("div", { class: "stack" }, facts([
      ["State", tag(order.state)], ["For", order.phone], ["Made", moment(order.created_at)],
      ["Known to the provider as", h("span", { class: "mono" }, order.request_id)],
      last && ["Why", last.note || last.code]]), form(order, draw)));
}

export async function show(root, params, { until }) {
  const list = h("div", { class: "stack" });
  const none = h("p", { class: "empty", hidden: true, "data-test": "todo-none" }, "Nothing waits for a person.");
  root.append(head("To do", "No proof came within 24 hours, or the provider asks for a person. Look into the provider's records, then settle."), none, list);
  const draw = async () => {
    const query = new URLSearchParams({ tenant: state.tenant, state: "needs_review", limit: 20 });
    const found = await sandbox(`orders?${query}`);
    const whole = await Promise.all(found.orders.map((order) => sandbox(`orders/${order.purchase_id}`)));
    none.hidden = whole.length > 0;
    sync(list, whole, (order) => order.purchase_id, (order) => card(order, draw));
  };
  await draw();
  until(on("activity", draw));
}
