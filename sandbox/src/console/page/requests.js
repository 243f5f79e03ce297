// The last requests to the API, and their errors in groups.

import { h, head, refresh, sync } from "./dom.js";
import { count, short, span, statusTag, time } from "./format.js";
import { live, on } from "./live.js";

const SHOWN = 100;

const requests = () => live.entries.filter((entry) => entry.kind === "request");

function groups(all) {
  const found = new Map();
  for (const { detail, at } of all) {
    if (!detail || detail.status < 400) continue;
    const name = detail.error ?? `status ${detail.status}`;
    const key = `${detail.status} ${name} ${detail.route}`;
    const group = found.get(key) ?? { key, name, status: detail.status, route: detail.route, times: 0, last: at };
    found.set(key, { ...group, times: group.times + 1, last: at });
  }
  return [...found.values()].sort((a, b) => b.times - a.times);
}

function row(entry) {
  const { detail = {}, about = [] } = entry;
  const cell = (label, value, wide) => h("td", { "data-label": label, class: wide ? "wide num" : "num" }, value);
  return h("tr", { "data-test": "request" }, cell("Time", time(entry.at)), cell("Request", [h("b", null, detail.method), " ", h("span", { class: "mono" }, detail.route ?? entry.what)], true),
    cell("Answer", [statusTag(detail.status), detail.error && h("span", { class: "small soft" }, ` ${detail.error}`)]), cell("Took", entry.ms === undefined || entry.ms === null ? "" : span(entry.ms)),
    cell("About", about.length > 0 ? h("a", { href: `#/story/${about[0]}`, class: "mono" }, short(about[0])) : "—"));
}

export async function show(root, params, { until }) {
  const errors = h("div");
  const body = h("tbody");
  const none = h("p", { class: "empty" }, "No request yet. ", h("a", { href: "#/flow" }, "Make the first one."));
  const panel = h("section", { class: "panel", "aria-label": "Requests" }, h("table", { class: "table fold" }, h("caption", { class: "sr" }, "The last requests, newest first"),
    h("thead", null, h("tr", null, ["Time", "Request", "Answer", "Took", "About"].map((name) => h("th", { scope: "col" }, name)))), body));
  root.append(head("Requests", "The last requests to the API, newest first, with errors in groups."), h("div", { class: "stack" }, errors, none, panel));
  const draw = () => {
    const all = requests();
    none.hidden = all.length > 0;
    panel.hidden = all.length === 0;
    const bad = groups(all);
    refresh(errors, bad, () => bad.length > 0 && h("section", { class: "panel", "aria-labelledby": "errors", "data-test": "error-groups" },
      h("header", null, h("h2", { id: "errors" }, "Errors")),
      h("table", { class: "table fold" }, h("thead", null, h("tr", null, ["Error", "Route", "Times", "Last"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", null, bad.map((group) => h("tr", null, h("td", { "data-label": "Error" }, statusTag(group.status), " ", group.name),
          h("td", { "data-label": "Route", class: "mono" }, group.route), h("td", { "data-label": "Times" }, count(group.times)), h("td", { "data-label": "Last" }, time(group.last))))))));
    sync(body, all.slice(-SHOWN).reverse(), (entry) => entry.n, row);
  };
  draw();
  until(on("activity", draw));
}
