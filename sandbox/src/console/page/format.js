// How values are shown.

import { h } from "./dom.js";

const NAIRA = new Intl.NumberFormat("en-NG", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const COUNT = new Intl.NumberFormat("en-NG");
const LAGOS = { timeZone: "Africa/Lagos", hour12: false };
const TIME = new Intl.DateTimeFormat("en-GB", { ...LAGOS, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { ...LAGOS, day: "numeric", month: "short" });
const LONG_DAY = new Intl.DateTimeFormat("en-GB", { ...LAGOS, weekday: "long", day: "numeric", month: "long", year: "numeric" });
const DATE = new Intl.DateTimeFormat("en-CA", { timeZone: "Africa/Lagos", year: "numeric", month: "2-digit", day: "2-digit" });

export const money = (kobo) => (kobo === null || kobo === undefined ? "not known" : `₦${NAIRA.format(kobo / 100)}`);
export const count = (number) => COUNT.format(number);
export const time = (iso) => (iso ? TIME.format(new Date(iso)) : "");
export const longDay = (iso) => LONG_DAY.format(new Date(iso));
// The day in Lagos, as the API writes it.
export const date = (iso) => DATE.format(new Date(iso));
export const moment = (iso) => (iso ? `${DAY.format(new Date(iso))}, ${time(iso)}` : "");
export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

// A length of time in the two largest units: "1 h 20 min".
export function span(ms) {
  const seconds = Math.abs(ms) / 1000;
  if (seconds < 1) return `${Math.round(Math.abs(ms))} ms`;
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => whole >= size);
  const [name, size] = units[first];
  const rest = units[first + 1] ? Math.floor((whole % size) / units[first + 1][1]) : 0;
  return rest > 0 ? `${Math.floor(whole / size)} ${name} ${rest} ${units[first + 1][0]}` : `${Math.floor(whole / size)} ${name}`;
}

const STATES = {
  submitted: "wait", pending: "wait", delivered: "good", failed: "bad", reversed: "bad", needs_review: "look",
  available: "good", waiting: "wait", timed_out: "bad", enabled: "good", disabled: "bad", verified: "good",
  working: "good", slow: "wait", down: "bad",
};

export function tag(text, kind) {
  const words = String(text).replaceAll("_", " ");
  return h("span", { class: `tag ${kind ?? STATES[text] ?? ""}` }, words);
}

export const short = (id) => (id && id.length > 12 ? `${id.slice(0, 8)}…` : id);

export function statusTag(status) {
  return tag(status || "no answer", status >= 200 && status < 300 ? "good" : "bad");
}

export const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value]) =>
    h("div", null, h("dt", null, name), h("dd", null, value === null || value === "" ? "none" : value))));
}
