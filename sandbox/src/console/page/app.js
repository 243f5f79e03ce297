// The page: its views, the line of health, and the way from one view to another.

import { begin as beginApi, choose, state } from "./api.js";
import { add, h, refresh, toast } from "./dom.js";
import { count, moment, time } from "./format.js";
import { begin as beginLive, live, on } from "./live.js";
import * as clock from "./clock.js";
import * as flow from "./flow.js";
import * as orders from "./orders.js";
import * as phone from "./phone.js";
import * as providers from "./providers.js";
import * as queues from "./queues.js";
import * as report from "./report.js";
import * as requests from "./requests.js";
import * as story from "./story.js";
import * as todo from "./todo.js";
import * as webhooks from "./webhooks.js";

const VIEWS = [
  ["flow", "First flow", flow],
  ["phone", "Phone", phone],
  ["orders", "Orders", orders],
  ["todo", "To do", todo],
  ["providers", "Providers", providers],
  ["clock", "Clock", clock],
  ["queues", "Queues", queues],
  ["requests", "Requests", requests],
  ["webhooks", "Webhooks", webhooks],
  ["report", "Report", report],
];
const ALL = new Map([...VIEWS.map(([name, title, view]) => [name, { title, view }]), ["story", { title: "Story", view: story }]]);
const PARENTS = { story: "orders" };
// For how long the last error is in view.
const RECENT_MS = 900_000;

const main = document.getElementById("main");
const tabs = document.getElementById("tabs");
const health = document.getElementById("health");
let cleanups = [];
let shown = null;

function drawTabs() {
  const waiting = live.health?.open?.needs_review ?? 0;
  const dead = live.health?.dead_letters ?? 0;
  const counts = { todo: waiting, queues: dead };
  const current = PARENTS[shown] ?? shown;
  refresh(tabs, [counts, current, state.key], () => [VIEWS.map(([name, title]) =>
    h("a", { href: `#/${name}`, "data-test": `tab-${name}`, "aria-current": name === current ? "page" : null }, title,
      counts[name] > 0 && h("span", { class: "count" }, count(counts[name]), h("span", { class: "sr" }, " waiting")))),
    h("a", { href: "/_sandbox/docs", "data-test": "tab-docs" }, "Contract"),
    state.about.keys.length > 1 && h("label", { class: "field small" }, "Tenant",
      h("select", { "data-test": "key", onchange: (event) => { choose(event.target.value); open(); } },
        state.about.keys.map(({ key, tenant }) => h("option", { value: key, selected: key === state.key }, tenant))))]);
}

// A write that is refused is no error: a condition did not hold, and the function knows what that means.
function lastError() {
  const since = Date.parse(live.health?.now) - RECENT_MS;
  return live.entries.findLast((entry) => entry.ok === false && !entry.detail?.refused && Date.parse(entry.at) > since);
}

function drawHealth() {
  const it = live.health;
  if (!live.connected || !it) {
    refresh(health, null, () => h("a", { class: "alert", href: "#/flow" }, h("b", null, "The sandbox does not answer")));
    return;
  }
  const open = it.open ? it.open.submitted + it.open.pending + it.open.needs_review : 0;
  const error = lastError();
  refresh(health, [it, error], () => [
    h("a", { href: "#/clock", "data-test": "health-clock", title: moment(it.now) }, h("b", null, time(it.now)), it.turning ? " turning" : it.ahead_seconds > 0 ? " ahead" : ""),
    h("a", { href: "#/orders", "data-test": "health-open" }, h("b", null, count(open), it.open?.more ? "+" : ""), " open"),
    h("a", { href: "#/queues", "data-test": "health-dead", class: it.dead_letters > 0 ? "alert" : null }, h("b", null, count(it.dead_letters)), it.dead_letters === 1 ? " dead letter" : " dead letters"),
    error && h("a", { href: "#/requests", "data-test": "health-error", class: "alert", title: `${time(error.at)} ${error.what}` }, h("b", null, "Last error"), ` ${error.what}`)]);
}

function open() {
  const [name, ...rest] = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  const found = ALL.get(name) ?? ALL.get("flow");
  const changed = shown !== name;
  shown = ALL.has(name) ? name : "flow";
  cleanups.forEach((stop) => stop());
  cleanups = [];
  main.replaceChildren();
  document.title = `${found.title} · Telco gateway sandbox`;
  drawTabs();
  tabs.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  // A view adds to `root` and says by `until` what is to be stopped when it is left.
  const root = h("div", { class: `view-${shown}` });
  main.append(root);
  const fail = (problem) => toast(problem.message, true);
  Promise.resolve(found.view.show(root, rest, { until: (stop) => cleanups.push(stop), again: open })).catch(fail);
  if (changed) window.scrollTo(0, 0);
}

window.addEventListener("hashchange", () => {
  open();
  main.focus({ preventScroll: true });
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
on("health", () => { drawHealth(); drawTabs(); });
on("activity", drawHealth);

try {
  await beginApi();
  open();
  await beginLive();
} catch (problem) {
  add(main, h("p", { class: "empty" }, problem.message));
}
