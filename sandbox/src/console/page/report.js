// The report of a day, as the tenant reads it.

import { api, problemOf } from "./api.js";
import { action, h, head, replace } from "./dom.js";
import { exchange } from "./exchange.js";
import { count, date, moment, money, span } from "./format.js";
import { live } from "./live.js";
import { turn } from "./clock.js";

const HOUR = 3_600_000;
const COLUMNS = [["Service", (it) => it.service_id ?? "All"], ["Orders", (it) => count(it.orders)], ["Face value", (it) => money(it.face_kobo)],
  ["Delivered", (it) => count(it.delivered)], ["Failed", (it) => count(it.failed)], ["Reversed", (it) => count(it.reversed)],
  ["Needs review", (it) => count(it.needs_review)], ["Open", (it) => count(it.open)], ["Cost", (it) => money(it.cost_kobo)],
  ["Commission", (it) => money(it.commission_kobo)], ["Safe to refund", (it) => money(it.refundable_kobo)]];

const now = () => new Date(live.health?.now ?? Date.now());

function share(name, part, whole) {
  const percent = whole === 0 ? 0 : Math.round((100 * part) / whole);
  return h("div", { class: "line" }, h("span", null, name), h("meter", { min: 0, max: 100, value: percent, "aria-label": name }), h("span", { class: "num" }, whole === 0 ? "—" : `${percent} %`));
}

function page(data) {
  const { total, services } = data;
  return [
    h("div", { class: "cards" },
      h("section", { class: "panel" }, h("div", { class: "stat" }, [["orders", total.orders], ["delivered", total.delivered], ["open", total.open]].map(([name, number]) =>
        h("div", null, h("b", null, count(number)), h("span", null, name))))),
      h("section", { class: "panel" }, h("div", { class: "stat" }, h("div", null, h("b", null, money(total.refundable_kobo)), h("span", null, "safe to refund")),
        h("div", null, h("b", null, money(total.commission_kobo)), h("span", null, "commission")))),
      h("section", { class: "panel bars" }, share("Answered in 30 seconds", total.answered_in_30_s, total.answered), share("Answered in 24 hours", total.answered_in_24_h, total.answered),
        h("p", { class: "small soft" }, `The longest took ${total.longest_answer_ms ? span(total.longest_answer_ms) : "no time yet"}.`))),
    h("section", { class: "panel" }, h("header", null, h("h2", null, "By service"), h("span", { class: "small soft" }, data.closed_at ? `Closed ${moment(data.closed_at)}: it does not change` : "The day lasts: it still changes")),
      services.length === 0 ? h("p", { class: "soft" }, "No order on this day.") : h("div", { class: "scroll" }, h("table", { class: "table fold", "data-test": "report-table" },
        h("thead", null, h("tr", null, COLUMNS.map(([name]) => h("th", { scope: "col" }, name)))),
        h("tbody", null, [...services, total].map((it) => h("tr", null, COLUMNS.map(([name, value]) => h("td", { "data-label": name }, value(it))))))))),
  ];
}

export async function show(root) {
  const day = h("input", { type: "date", id: "report-day", value: date(now()), max: date(now()), "data-test": "report-day", onchange: () => draw() });
  const body = h("div", { class: "stack" });
  const asked = h("div");
  const close = action("Turn the clock past this day's end", async () => {
    // Lagos is an hour ahead of UTC. A day is closed an hour after its end, by a schedule of 15 minutes.
    const end = Date.parse(`${day.value}T00:00:00+01:00`) + 24 * HOUR + 1.5 * HOUR;
    const left = end - now();
    if (left > 0) await turn(Math.ceil(left / 1000));
    await draw();
  }, { "data-test": "report-close" });
  root.append(head("Report", "A tenant's day, as Lagos counts it.", h("div", { class: "field" }, h("label", { for: "report-day" }, "Day"), day), close),
    h("div", { class: "stack" }, body, h("details", { "data-test": "report-asked" }, h("summary", null, "Request and answer"), asked)));
  async function draw() {
    const answer = await api("GET", `/reports/${day.value}`, { headers: { accept: "application/json" } });
    replace(asked, exchange(answer, "report"));
    replace(body, answer.status === 200 ? page(answer.json.data) : h("p", { class: "empty" }, problemOf(answer)));
    close.hidden = answer.json?.data?.closed_at != null;
  }
  await draw();
}
