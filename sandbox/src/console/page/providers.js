// The providers: how they are, what they do next, and the faults of AWS.

import { ask, sandbox, state } from "./api.js";
import { action, h, head, refresh, toast } from "./dom.js";
import { moment, money, plural, tag } from "./format.js";
import { on } from "./live.js";
import { MONO, MTN, VTPASS } from "./outcomes.js";

const NAMES = { vtpass: "VTpass", mtn: "MTN", mono: "Mono" };
const DOES = { vtpass: "data bundles and airtime", mtn: "direct data and refills", mono: "consented telco data" };
const DELAYS = [["at once", 0], ["after 2 s", 2000], ["after 8 s", 8000], ["after 20 s", 20_000], ["after 40 s: never in time", 40_000]];

const fail = (problem) => toast(problem.message, true);

function faults(name, fault) {
  const change = (body, words) => sandbox(`${name}/fault`, "POST", body).then(() => toast(words)).catch(fail);
  const down = h("input", { type: "checkbox", checked: fault.down, "data-test": `${name}-down`, onchange: (event) => change({ down: event.target.checked }, event.target.checked ? `${NAMES[name]} is down` : `${NAMES[name]} is up`) });
  const delay = h("select", { id: `${name}-delay`, "data-test": `${name}-delay`, onchange: (event) => change({ delay_ms: Number(event.target.value) }, `${NAMES[name]} answers ${event.target.selectedOptions[0].textContent}`) },
    DELAYS.map(([text, ms]) => h("option", { value: ms, selected: ms === fault.delay_ms }, text)));
  return h("div", { class: "row between" }, h("label", { class: "check" }, down, "Down: answers 503"),
    h("div", { class: "row" }, h("label", { for: `${name}-delay` }, "Answers"), delay));
}

function scripts(name, outcomes, send) {
  const select = h("select", { id: `${name}-next`, "data-test": `${name}-next` }, outcomes.map(([text], index) => h("option", { value: index }, text)));
  const set = action("Set", async () => {
    await send(outcomes[Number(select.value)][1]);
    toast(`Set for the next call: ${outcomes[Number(select.value)][0]}`);
  }, { "data-test": `${name}-set` });
  return h("div", { class: "field" }, h("label", { for: `${name}-next` }, name === "mono" ? "What a customer does" : "What happens next"), h("div", { class: "row" }, select, set));
}

function wallet(kobo) {
  const amount = h("input", { id: "wallet", type: "number", min: 0, step: 100, value: kobo / 100, "data-test": "wallet-naira" });
  return h("div", { class: "field" }, h("label", { for: "wallet" }, "Our wallet there, in naira"), h("div", { class: "row" }, h("span", { class: "big", "data-test": "wallet" }, money(kobo)), amount,
    action("Set", async () => {
      await sandbox("vtpass/wallet", "POST", { kobo: Math.round(Number(amount.value) * 100) });
      toast("The wallet was set");
    }, { "data-test": "wallet-set" })));
}

function services(list) {
  const off = list.filter((it) => !it.on_sale);
  if (off.length === 0) return h("p", { class: "small soft" }, `${plural(list.length, "service")} on sale`);
  return h("ul", { class: "small" }, off.map((it) => h("li", null, h("b", null, it.service_id), ` is not sold since ${moment(it.suspended_since)}: ${it.reason}`)));
}

function card(name, seen, fault) {
  const send = { vtpass: (script) => sandbox("vtpass/next", "POST", [script]), mtn: (script) => sandbox("mtn/next", "POST", [script]), mono: (id) => sandbox("mono/withdraw", "POST", { account_id: id }) }[name];
  const outcomes = { vtpass: VTPASS, mtn: MTN, mono: MONO }[name];
  return [
    h("div", { class: "row between" }, h("div", null, h("h2", null, NAMES[name]), h("p", { class: "small soft" }, DOES[name])),
      seen?.on === false ? tag("off") : seen?.lately ? tag(seen.lately === "unknown" ? "not seen yet" : seen.lately, seen.lately === "unknown" ? "" : undefined) : null),
    seen?.services?.length > 0 && services(seen.services),
    fault ? [faults(name, fault), scripts(name, outcomes, send)] : h("p", { class: "small soft" }, "A real provider: the environment names it. It is not controlled here."),
    name === "mtn" && fault && h("div", null, action("Send the held callbacks", async () => toast(`${plural((await sandbox("mtn/deliver", "POST", {})).callbacks.length, "callback")} sent`), { "data-test": "mtn-deliver" })),
  ];
}

const SWITCHES = [
  ["duplicates", "Deliver messages twice", "about every second one"],
  ["reorder", "Deliver in random order", "the messages that are due"],
];

function aws(now) {
  const set = (body) => sandbox("aws", "POST", body).then(() => toast("Set")).catch(fail);
  const number = (name, label, values) => h("div", { class: "row between" }, h("label", { for: `aws-${name}` }, label),
    h("select", { id: `aws-${name}`, "data-test": `aws-${name}`, onchange: (event) => set({ [name]: Number(event.target.value) }) },
      [...new Set([...values, now[name]])].map((value) => h("option", { value, selected: value === now[name] }, name === "index_lag_ms" ? `${value / 1000} s` : value))));
  return [h("div", null, h("h2", { id: "aws" }, "AWS"), h("p", { class: "small soft" }, "What AWS may do and rarely does.")),
    SWITCHES.map(([name, label, note]) => h("label", { class: "check" }, h("input", { type: "checkbox", checked: now[name], "data-test": `aws-${name}`, onchange: (event) => set({ [name]: event.target.checked }) }),
      h("span", null, label, h("small", { class: "soft" }, `, ${note}`)))),
    number("index_lag_ms", "Indexes lag by", [0, 1000, 5000, 60_000]), number("instances", "Instances of each function", [1, 2, 3, 5, 20])];
}

const ORDER = ["vtpass", "mtn", "mono"];
const AGAIN_MS = 10_000;

export async function show(root, params, { until }) {
  const { simulated } = state.about;
  const cards = Object.fromEntries(ORDER.map((name) => [name, h("section", { class: "panel stack", "data-test": `provider-${name}`, "aria-label": NAMES[name] })]));
  const money_ = h("div");
  const cloud = h("section", { class: "panel stack", "aria-labelledby": "aws" });
  root.append(head("Providers", "How each provider is seen, and what it does next. A switch holds until you change it; an outcome is used once."),
    h("div", { class: "cards" }, Object.values(cards), cloud));
  const drawAll = async () => {
    const [{ data }, switches, ...faults_] = await Promise.all([ask("GET", "/providers"), sandbox("aws"),
      ...ORDER.map((name) => (simulated.includes(name) ? sandbox(`${name}/fault`) : null))]);
    ORDER.forEach((name, index) => refresh(cards[name], [data.find((it) => it.provider === name), faults_[index]], ([seen, fault]) =>
      [card(name, seen, fault), name === "vtpass" && money_]));
    refresh(cloud, switches, aws);
  };
  const drawWallet = async () => {
    if (simulated.includes("vtpass")) refresh(money_, (await sandbox("vtpass/wallet")).kobo, wallet);
  };
  await drawAll();
  await drawWallet();
  until(on("activity", (entries) => (entries.some((entry) => entry.kind === "call") ? drawWallet() : null)));
  const timer = setInterval(() => { if (!document.hidden) drawAll().catch(() => {}); }, AGAIN_MS);
  until(() => clearInterval(timer));
}
