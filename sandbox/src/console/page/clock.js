// The sandbox's time, and how it is turned on.

import { sandbox } from "./api.js";
import { action, h, head, refresh, toast } from "./dom.js";
import { longDay, moment, plural, span, time } from "./format.js";
import { live, on, refreshHealth } from "./live.js";

const TURNS = [["1 minute", 60], ["15 minutes", 900], ["1 hour", 3600], ["1 day", 86_400]];

export async function turn(seconds) {
  const turned = await sandbox("clock", "POST", { advance_seconds: seconds });
  await refreshHealth();
  toast(`The clock was turned, with ${plural(turned.stops, "stop")} on the way`);
}

// What becomes due next: messages of all queues, and schedules.
export function upcoming({ queues, schedules }) {
  const messages = queues.flatMap((queue) => queue.messages.map((message) => ({
    at: message.due_at, what: message.body?.kind?.replaceAll("_", " ") ?? "message", where: queue.name, id: message.id,
    about: message.body?.purchase_id ?? message.body?.request_id ?? message.body?.account_id ?? null,
  })));
  const runs = schedules.map((it) => ({ at: it.next_at, what: `schedule of ${it.function ?? it.queue}`, where: `every ${span(it.every_seconds * 1000)}`, id: it.function ?? it.queue, about: null }));
  return [...messages, ...runs].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

export async function show(root, params, { until }) {
  const face = h("div", { class: "time", "data-test": "clock-time" });
  const day = h("p", { class: "soft" });
  const ahead = h("p", { class: "small soft", role: "status", "data-test": "clock-ahead" });
  const buttons = TURNS.map(([name, seconds]) => action(`+ ${name}`, async () => { await turn(seconds); await drawNext(); }, { "data-test": `clock-${seconds}`, class: seconds === 60 ? "primary" : "" }));
  const next = h("div");
  root.append(head("Clock", "Everything in the sandbox follows this clock: waits, schedules, limits and deadlines. It stops at each thing that is due on the way, so nothing is skipped."),
    h("div", { class: "stack" }, h("section", { class: "panel clock", "aria-label": "The time in Lagos" }, face, day, ahead, h("div", { class: "row" }, buttons)),
      h("section", { class: "panel", "aria-labelledby": "due" }, h("header", null, h("h2", { id: "due" }, "What is due next")), next)));

  const draw = () => {
    const it = live.health;
    if (!it) return;
    face.textContent = time(it.now);
    day.textContent = `${longDay(it.now)}, Lagos`;
    ahead.textContent = it.turning ? "It is being turned…" : it.ahead_seconds > 0 ? `${span(it.ahead_seconds * 1000)} ahead of this machine` : "As this machine's clock";
  };
  const drawNext = async () => {
    const list = upcoming(await sandbox("queues")).slice(0, 12);
    const now = Date.parse(live.health?.now ?? new Date().toISOString());
    refresh(next, [list, Math.floor(now / 5000)], () => h("table", { class: "table fold" }, h("caption", { class: "sr" }, "What is due next"),
      h("thead", null, h("tr", null, ["Due", "In", "What", "Where"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", null, list.map((it) => h("tr", null,
        h("td", { "data-label": "Due" }, moment(it.at)), h("td", { "data-label": "In" }, Date.parse(it.at) > now ? span(Date.parse(it.at) - now) : "now"),
        h("td", { "data-label": "What" }, it.about ? h("a", { href: `#/story/${it.about}` }, it.what) : it.what), h("td", { "data-label": "Where", class: "soft" }, it.where))))));
  };
  draw();
  await drawNext();
  until(on("health", draw));
  until(on("activity", drawNext));
}
