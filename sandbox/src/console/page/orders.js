// The orders: a list in pages, by state.

import { sandbox, state } from "./api.js";
import { h, head, pressed, sync } from "./dom.js";
import { moment, money, plural, short, span, tag } from "./format.js";
import { live, on } from "./live.js";

const STATES = ["submitted", "pending", "needs_review", "delivered", "failed", "reversed"];
const PAGE = 50;
const FIRST = "";
let filter = "";

export const columns = ["Order", "State", "Service", "Amount", "Safe to refund", "Created", "Answer due", "Refundable since"];

const isOpen = (order) => ["submitted", "pending"].includes(order.state);

export function row(order, now) {
  const left = new Date(order.deadline_at) - now;
  const due = isOpen(order) ? (left > 0 ? `in ${span(left)}` : `${span(left)} ago`) : "answered";
  const cell = (label, value, wide) => h("td", { "data-label": label, class: wide ? "wide num" : "num" }, value);
  const open = () => { location.hash = `#/story/${order.purchase_id}`; };
  return h("tr", { class: "go", onclick: open, "data-test": "order" },
    cell("Order", h("a", { class: "rowlink mono", href: `#/story/${order.purchase_id}`, "data-test": `order-${order.purchase_id}` }, short(order.purchase_id))),
    cell("State", tag(order.state)),
    cell("Service", order.variation_code ? `${order.service_id}, ${order.variation_code}` : order.service_id),
    cell("Amount", money(order.amount_kobo)),
    cell("Safe to refund", order.safe_to_refund ? "yes" : "no"),
    cell("Created", moment(order.created_at)),
    cell("Answer due", order.state === "needs_review" ? "a person" : due),
    cell("Refundable since", order.safe_to_refund ? moment(order.refundable_since ?? order.updated_at) : "—"));
}

export function table(body, caption) {
  return h("div", { class: "scroll" }, h("table", { class: "table fold" }, h("caption", { class: "sr" }, caption),
    h("thead", null, h("tr", null, columns.map((name) => h("th", { scope: "col" }, name)))), body));
}

export async function show(root, params, { until }) {
  let pages = [FIRST];
  let next = null;
  const body = h("tbody");
  const none = h("p", { class: "empty", hidden: true }, "No order here. ", h("a", { href: "#/flow" }, "Buy one in the first flow."));
  const older = h("button", { type: "button", "data-test": "orders-older", onclick: () => { pages.push(next); draw(); } }, "Older");
  const newer = h("button", { type: "button", "data-test": "orders-newer", onclick: () => { pages.pop(); draw(); } }, "Newer");
  const place = h("span", { class: "small soft", role: "status" });
  const filters = ["", ...STATES].map((name) =>
    h("button", { type: "button", "data-test": `filter-${name || "all"}`, onclick: () => { filter = name; pages = [FIRST]; draw(); } }, name ? name.replace("_", " ") : "All"));
  const list = table(body, "Orders, newest first");
  const pager = h("div", { class: "pager" }, newer, place, older);
  const id = h("input", { id: "find", placeholder: "id of an order, request or account", "data-test": "find-id", size: 30 });
  const find = h("form", { class: "row", role: "search", onsubmit: (event) => {
    event.preventDefault();
    if (id.value.trim()) location.hash = `#/story/${encodeURIComponent(id.value.trim())}`;
  } }, h("label", { class: "sr", for: "find" }, "Open a story by its id"), id, h("button", { "data-test": "find" }, "Open"));
  root.append(head("Orders", "Every order of this tenant, newest first. Open one to see its story.", find),
    h("div", { class: "stack" }, h("div", { class: "filters", role: "group", "aria-label": "State" }, filters), none, h("div", { class: "panel" }, list, pager)));

  let asked = 0;
  async function draw() {
    filters.forEach((button, index) => pressed(button, ["", ...STATES][index] === filter));
    const query = new URLSearchParams({ tenant: state.tenant, limit: PAGE });
    if (filter) query.set("state", filter);
    if (pages.at(-1)) query.set("after", pages.at(-1));
    const own = ++asked;
    const found = await sandbox(`orders?${query}`);
    // An older question may be answered later than a newer one.
    if (own !== asked) return;
    next = found.next;
    const now = new Date(live.health?.now ?? Date.now());
    sync(body, found.orders, (order) => order.purchase_id, (order) => row(order, now));
    none.hidden = found.orders.length > 0 || pages.length > 1;
    list.parentElement.hidden = !none.hidden;
    newer.disabled = pages.length === 1;
    older.disabled = !next;
    place.textContent = `Page ${pages.length}, ${plural(found.orders.length, "order")}`;
  }
  await draw();
  until(on("activity", draw));
}
