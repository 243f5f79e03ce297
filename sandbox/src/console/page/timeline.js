// A story as a timeline to scale, and as a list. It shows an order, a request to MTN or an account.

import { sandbox } from "./api.js";
import { h, svg } from "./dom.js";
import { moment, plural, span, time } from "./format.js";
import { live } from "./live.js";

const LANES = [
  ["request", "Asked"],
  ["write", "Written"],
  ["wait", "Waited"],
  ["run", "Worked"],
  ["call", "Called"],
  ["told", "Told"],
];
const LANE_OF = { request: "request", write: "write", message: "wait", invocation: "run", delivery: "run", call: "call", sms: "told", clock: "wait" };
const NAMES = { request: "request", write: "write", message: "message", invocation: "invocation", delivery: "received", call: "call", sms: "SMS", clock: "clock", attempt: "attempt" };
const LEFT = 74;
const RIGHT = 14;
const HEIGHT = 30;
const TOP = 8;

async function about(id) {
  return (await sandbox(`activity?about=${encodeURIComponent(id)}&limit=1000`)).entries;
}

// What happened about an id: from the record of the activity, or from an order's own history.
export async function load(id, order = null) {
  const entries = await about(id);
  // What was sent to the tenant is about the event, not about what the event tells.
  const told = entries.filter((entry) => entry.detail?.table === "events").map((entry) => entry.about[0]).filter((event) => event && event !== id);
  const known = new Set(entries.map((entry) => entry.n));
  for (const event of new Set(told)) {
    entries.push(...(await about(event)).filter((entry) => !known.has(entry.n) && known.add(entry.n)));
  }
  if (entries.length > 0 || !order) return entries;
  return order.history.map((line, n) => ({ n, at: line.at, kind: "attempt", what: `${line.action}: ${line.meaning}`.replaceAll("_", " "), detail: { state: line.state } }));
}

function laneOf(entry) {
  if (entry.who === "send-webhook" || entry.detail?.table === "events") return "told";
  return LANE_OF[entry.kind] ?? "run";
}

// Where a time stands between the first and the last: even, or by the logarithm since the first.
function scaleOf(from, to, isEven, width) {
  const whole = Math.max(to - from, 1);
  const inner = width - LEFT - RIGHT;
  const log = (ms) => Math.log1p(Math.max(ms, 0) / 100);
  const part = isEven ? (ms) => ms / whole : (ms) => log(ms) / log(whole);
  return (at) => LEFT + inner * Math.min(Math.max(part(at - from), 0), 1);
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 15000, 30000, 60000, 120000, 300000, 600000, 900000, 1800000,
  3600000, 7200000, 14400000, 21600000, 43200000, 86400000, 172800000, 604800000];

function ticks(whole, isEven) {
  if (isEven) {
    const step = STEPS.find((size) => whole / size <= 6) ?? whole;
    return Array.from({ length: Math.floor(whole / step) + 1 }, (_, index) => index * step);
  }
  return [0, 100, 1000, 10000, 60000, 600000, 3600000, 21600000, 86400000, 604800000].filter((ms) => ms <= whole);
}

function look(entry) {
  if (entry.ok === false && !entry.detail?.refused) return "bad";
  if (laneOf(entry) === "wait") return "wait";
  return "";
}

// Until when an entry lasts: a message waits until it is due.
function endOf(entry, now) {
  const due = entry.kind === "message" && entry.detail?.due ? Date.parse(entry.detail.due) : 0;
  return Math.min(Math.max(due, Date.parse(entry.at) + (entry.ms ?? 0)), Math.max(now, Date.parse(entry.at)));
}

function draw(entries, isEven, width, light) {
  // The health may be older than the last entry.
  const now = Math.max(Date.parse(live.health?.now ?? new Date().toISOString()), ...entries.map((entry) => Date.parse(entry.at)));
  const from = Math.min(...entries.map((entry) => Date.parse(entry.at)));
  const to = Math.max(...entries.map((entry) => endOf(entry, now)));
  const place = scaleOf(from, to, isEven, width);
  const used = LANES.filter(([lane]) => entries.some((entry) => laneOf(entry) === lane));
  const middle = (lane) => TOP + HEIGHT * used.findIndex(([name]) => name === lane) + HEIGHT / 2;
  const bottom = TOP + HEIGHT * used.length;
  const marks = [];
  const picture = svg("svg", { class: entries.length > 80 ? "lanes dense" : "lanes", viewBox: `0 0 ${width} ${bottom + 22}`, width, height: bottom + 22, "aria-hidden": "true" });
  const grid = svg("g", { class: "axis" });
  let free = -Infinity;
  for (const ms of ticks(Math.max(to - from, 1), isEven)) {
    const x = place(from + ms);
    if (x - free < 52) continue;
    free = x;
    grid.append(svg("line", { x1: x, x2: x, y1: TOP, y2: bottom }), svg("text", { x, y: bottom + 15, "text-anchor": x > width - 60 ? "end" : "middle" }, ms === 0 ? "0" : span(ms)));
  }
  picture.append(grid, ...used.flatMap(([lane, name]) => [
    svg("text", { x: 0, y: middle(lane) + 4 }, name),
    svg("line", { class: "lane", x1: LEFT, x2: width - RIGHT, y1: middle(lane), y2: middle(lane) })]));
  for (const entry of entries) {
    const [x, y] = [place(Date.parse(entry.at)), middle(laneOf(entry))];
    const end = place(endOf(entry, now));
    if (end - x > 3) picture.append(svg("rect", { class: laneOf(entry) === "wait" ? "bar" : "bar busy", x, y: y - 5, width: end - x, height: 10, rx: 4 }));
    const mark = svg("circle", { class: `mark ${look(entry)}`, cx: x, cy: y, r: 5.5, onmouseenter: () => light(entry.n, true), onmouseleave: () => light(entry.n, false) },
      svg("title", null, `${time(entry.at)} ${entry.what}`));
    mark.dataset.n = entry.n;
    marks.push(mark);
  }
  picture.append(...marks);
  return picture;
}

function line(entry, from, light) {
  const { due, error, code, refused, receives } = entry.detail ?? {};
  const extra = [moment(entry.at), entry.who && `by ${entry.who}`, due && `due ${moment(due)}`, code && `code ${code}`, error, refused && "its condition did not hold",
    Number(receives) > 1 && `received ${plural(Number(receives), "time")}`].filter(Boolean);
  const node = h("li", { onmouseenter: () => light(entry.n, true), onmouseleave: () => light(entry.n, false), "data-test": "story-entry", title: moment(entry.at) },
    h("span", { class: "off" }, `+${span(Date.parse(entry.at) - from)}`), h("span", { class: "kind" }, NAMES[entry.kind] ?? entry.kind),
    h("span", null, entry.what, entry.ok === false && [" ", refused ? h("span", { class: "tag" }, "refused") : h("span", { class: "tag bad" }, "failed")]),
    h("span", { class: "small soft num" }, entry.ms === undefined || entry.ms === null ? "" : span(entry.ms)),
    h("span", { class: "more" }, extra.join(" · ")));
  node.dataset.n = entry.n;
  return node;
}

// What matters most: questions, calls, changes of a state, what was told, and what failed.
function isMain(entry) {
  return ["request", "call", "sms", "attempt"].includes(entry.kind) || Boolean(entry.detail?.state) || laneOf(entry) === "told" || (entry.ok === false && !entry.detail?.refused);
}

const LONG = 40;
const chosen = { isEven: null, isWhole: null };

function choice(label, options, isOn, choose) {
  const group = h("div", { class: "langs", role: "group", "aria-label": label }, options.map(([name, value, test]) =>
    h("button", { type: "button", "aria-pressed": String(isOn(value)), "data-test": test, onclick: (event) => {
      group.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", String(button === event.target)));
      choose(value);
    } }, name)));
  return group;
}

// The picture and the list. `brief` is the picture with the list folded.
export function timeline(entries, { brief = false } = {}) {
  if (entries.length === 0) return h("p", { class: "empty" }, "Nothing is recorded yet.");
  const all = [...entries].sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || a.n - b.n);
  const from = Date.parse(all[0].at);
  const whole = Date.parse(all.at(-1).at) - from;
  let isEven = chosen.isEven ?? whole < 1_200_000;
  let isWhole = chosen.isWhole ?? all.length <= LONG;
  const root = h("div", { class: "timeline", "data-test": "timeline" });
  const light = (n, isOn) => root.querySelectorAll(`[data-n="${n}"]`).forEach((node) => node.classList.toggle("lit", isOn));
  const picture = h("div");
  const list = h("ol", { class: "events" });
  const paint = () => picture.replaceChildren(draw(all, isEven, Math.max(picture.clientWidth || 640, 300), light));
  const write = () => list.replaceChildren(...all.filter((entry) => isWhole || isMain(entry)).map((entry) => line(entry, from, light)));
  const scale = choice("Scale of the time", [["Even scale", true, "scale-even"], ["Early part wider", false, "scale-log"]], (value) => value === isEven,
    (value) => { chosen.isEven = isEven = value; paint(); });
  const extent = choice("What is listed", [["The main ones", false, "list-main"], ["Everything", true, "list-all"]], (value) => value === isWhole,
    (value) => { chosen.isWhole = isWhole = value; write(); });
  new ResizeObserver(paint).observe(picture);
  write();
  root.append(h("div", { class: "row between" }, h("span", { class: "small soft" }, `${all.length === 1 ? "1 entry" : `${all.length} entries`} over ${span(whole)}`),
    h("div", { class: "row" }, !brief && extent, scale)), picture,
    brief ? h("details", { "data-test": "timeline-list" }, h("summary", null, "What happened, in words"), list) : list);
  return root;
}
