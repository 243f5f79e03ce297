// Every queue with its messages and dead letters, and the schedules.

import { sandbox } from "./api.js";
import { action, h, head, refresh, sync, toast } from "./dom.js";
import { count, moment, plural, pretty, span } from "./format.js";
import { on, refreshHealth } from "./live.js";

function stat(number, name) {
  return h("div", null, h("b", null, count(number)), h("span", null, name));
}

function lines(messages, caption) {
  if (messages.length === 0) return null;
  return h("details", { "data-test": "messages" }, h("summary", null, `${caption} (${messages.length === 50 ? "the next 50" : messages.length})`),
    h("ul", { class: "events dated" }, messages.map((it) => {
      const about = it.body?.purchase_id ?? it.body?.request_id ?? it.body?.account_id;
      return h("li", null, h("span", { class: "off" }, moment(it.due_at)), h("span", { class: "kind" }, it.body?.kind?.replaceAll("_", " ") ?? "message"),
        about ? h("a", { href: `#/story/${about}`, class: "mono" }, about) : h("span", { class: "soft" }, "no id"),
        h("span", { class: "small soft" }, it.receive_count > 0 ? `received ${plural(it.receive_count, "time")}` : ""),
        h("details", { class: "more" }, h("summary", null, "Body"), h("pre", null, pretty(it.body))));
    })));
}

function card(queue, draw) {
  const redrive = queue.dead_letters > 0 && action(`Send ${plural(queue.dead_letters, "dead letter")} back`, async () => {
    const { moved } = await sandbox(`queues/${encodeURIComponent(queue.name)}/redrive`, "POST", {});
    toast(`${plural(moved, "message")} moved`);
    refreshHealth();
    await draw();
  }, { class: "primary", "data-test": `redrive-${queue.name}` });
  return h("section", { class: "panel stack", "data-test": `queue-${queue.name}` },
    h("div", null, h("h2", null, queue.name), h("p", { class: "small soft" }, queue.function ? `read by ${queue.function}` : "")),
    h("div", { class: "stat" }, stat(queue.waiting, "waiting"), stat(queue.in_flight, "in flight"), stat(queue.delayed, "delayed"), stat(queue.dead_letters, "dead letters")),
    queue.oldest_age_seconds > 0 && h("p", { class: "small soft" }, `The oldest was sent ${span(queue.oldest_age_seconds * 1000)} ago.`),
    redrive && h("div", null, redrive), lines(queue.messages, "Messages"), lines(queue.dead_messages, "Dead letters"));
}

export async function show(root, params, { until }) {
  const cards = h("div", { class: "cards broad" });
  const runs = h("div");
  const foreign = h("p", { class: "empty", hidden: true }, "The environment names another SQS. Its queues are not shown here.");
  root.append(head("Queues", "What waits, what is being handled, and what failed too often."),
    h("div", { class: "stack" }, foreign, cards, h("section", { class: "panel", "aria-labelledby": "schedules" }, h("header", null, h("h2", { id: "schedules" }, "Schedules")), runs)));
  const draw = async () => {
    const { own, queues, schedules } = await sandbox("queues");
    foreign.hidden = own;
    sync(cards, queues, (queue) => queue.name, (queue) => card(queue, draw));
    refresh(runs, schedules, () => h("table", { class: "table fold" }, h("caption", { class: "sr" }, "Schedules"),
      h("thead", null, h("tr", null, ["What", "Every", "Last run", "Next run"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", null, schedules.map((it) => h("tr", null,
        h("td", { "data-label": "What" }, it.function ?? it.queue), h("td", { "data-label": "Every" }, span(it.every_seconds * 1000)),
        h("td", { "data-label": "Last run" }, it.last_at ? moment(it.last_at) : "not yet"), h("td", { "data-label": "Next run" }, moment(it.next_at)))))));
  };
  await draw();
  until(on("activity", draw));
}
