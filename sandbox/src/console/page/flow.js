// The first flow: from a phone number to a delivered purchase, one step after the other.

import { api, problemOf, sandbox, state } from "./api.js";
import { action, h, head, refresh, replace, toast } from "./dom.js";
import { exchange } from "./exchange.js";
import { money, tag } from "./format.js";
import { on, refreshHealth } from "./live.js";
import { bubble, handset, messages } from "./phone.js";
import { load, timeline } from "./timeline.js";

const CUSTOMERS = [
  ["07082109281", "airtel", "Adaeze Okafor"],
  ["08031234567", "mtn", "Tunde Alabi"],
  ["08091112223", "mtn", "Halima Bello, a ported number"],
];
const OUTCOMES = [
  ["08011111111", "Delivered at once", "The provider answers that it is done."],
  ["201000000000", "Pending first", "Delivered when it is asked about again."],
  ["500000000000", "Unclear answer", "Nobody can read it. The gateway asks again."],
  ["400000000000", "No answer", "Was it charged? The gateway finds out."],
  ["08022222222", "Failed", "Not charged: safe to refund."],
];
const SERVICE = "etisalat-data";
const FINAL = ["delivered", "failed", "reversed"];

let made = null;

function fresh() {
  return { customer: CUSTOMERS[0], at: 0, answers: {}, outcome: OUTCOMES[0][0], order: `first-flow-${Date.now()}` };
}

const json = (answer) => answer.json?.data ?? answer.json;

// The steps: what each is for, what it asks for, and its controls.
const STEPS = [
  ["ask", "Ask the customer for consent", "The network sends a one-time code to the customer's phone."],
  ["verify", "Prove the number", "The customer reads the code from the phone and gives it to you."],
  ["exchange", "Exchange it for an account", "You get a permanent account id. Keep it."],
  ["read", "Read the customer's data", "Account, balances, transactions and identity, for as long as the consent holds."],
  ["prices", "Look at the bundles", "What can be bought now, and what it costs."],
  ["buy", "Buy a bundle", "It is paid at most once, whatever happens. Choose what the provider does."],
  ["watch", "Watch it", "Each order reaches an answer that says whether a refund is safe."],
];

export async function show(root, params, { until }) {
  made ??= fresh();
  const list = h("ol", { class: "steps" });
  const screen = h("div", { class: "stack", "aria-live": "polite" });
  const aside = h("div");
  const beside = h("div", null, aside);
  const narrow = matchMedia("(max-width: 900px)");
  const restart = h("button", { type: "button", "data-test": "flow-restart", onclick: () => { made = fresh(); draw(); } }, "Start again");
  root.append(head("First flow", "From a phone number to a delivered data bundle. Each step calls the real API of this sandbox.", restart),
    h("div", { class: "flow" }, list, beside));
  // Where there is no room beside the steps, the phone is in the step that needs it.
  const place = () => ((narrow.matches && list.querySelector(".slot")) || beside).append(aside);
  narrow.addEventListener("change", place);
  until(() => narrow.removeEventListener("change", place));

  async function run(name, method, path, options) {
    const answer = await api(method, path, options);
    made.answers[name] = answer;
    if (answer.status >= 300) {
      draw();
      toast(problemOf(answer), true);
      return;
    }
    made.at = STEPS.findIndex(([step]) => step === name) + 1;
    draw(true);
    refreshHealth();
  }

  const works = {
    ask: () => run("ask", "POST", "/v2/telecom/auth", { body: { phone: made.customer[0], provider: made.customer[1] } }),
    verify: (otp) => run("verify", "POST", "/v2/telecom/verify", { body: { otp }, headers: { "x-session-id": json(made.answers.ask).session_id } }),
    exchange: () => run("exchange", "POST", "/account/auth", { body: { code: json(made.answers.verify).code } }),
    read: () => run("read", "GET", `/accounts/${made.answers.exchange.json.id}/balances`),
    prices: () => run("prices", "GET", `/services/${SERVICE}/variations`),
    buy: () => run("buy", "POST", "/purchases", {
      body: { service_id: SERVICE, variation_code: json(made.answers.prices).variations[0].variation_code, phone: made.outcome },
      headers: { "idempotency-key": made.order },
    }),
  };
  const labels = { ask: "Send the code", exchange: "Exchange", read: "Read the balances", prices: "Show the bundles", buy: "Buy it" };

  function controls(name) {
    if (name === "ask") {
      const options = CUSTOMERS.map((it) => h("option", { value: it[0], selected: it === made.customer }, `${it[0]} · ${it[2]}`));
      const change = (event) => { made.customer = CUSTOMERS.find((it) => it[0] === event.target.value); drawPhone(); };
      return h("div", { class: "row" },
        h("label", { class: "sr", for: "flow-phone" }, "Customer"),
        h("select", { id: "flow-phone", "data-test": "flow-phone", onchange: change }, options), go(name));
    }
    if (name === "verify") return h("div", { class: "slot" }, h("p", { class: "small" }, "The message is on the phone. Use its code there."));
    if (name === "buy") {
      return [h("fieldset", { class: "choices" }, h("legend", null, "What the provider does"), OUTCOMES.map(([number, title, text]) =>
        h("label", { class: "choice" },
          h("input", { type: "radio", name: "outcome", value: number, checked: number === made.outcome, "data-test": `flow-outcome-${number}`, onchange: () => { made.outcome = number; } }),
          h("span", null, title, h("small", null, text))))), go(name)];
    }
    if (name === "watch") return watch();
    return go(name);
  }
  const go = (name) => action(labels[name], () => works[name](), { class: "primary", "data-test": `flow-${name}` });

  function summary(name) {
    const answer = json(made.answers[name]);
    if (name === "read") return answer.data?.[0]?.name ?? null;
    if (name === "prices") return answer.variations.map((it) => h("span", { class: "tag plain" }, `${it.name} ${money(it.amount_kobo)}`));
    return null;
  }

  function step([name, title, why], index) {
    const phase = index < made.at ? "done" : index === made.at ? "now" : "later";
    const answer = made.answers[name];
    return h("li", { class: `panel step ${phase}`, "data-test": `step-${name}`, "aria-current": phase === "now" ? "step" : null },
      h("h2", null, title, phase === "done" && h("span", { class: "sr" }, " (done)")),
      h("p", { class: "why" }, why),
      phase === "now" && controls(name),
      phase === "done" && summary(name) && h("div", { class: "row" }, summary(name)),
      answer && (phase === "now" ? exchange(answer, name) : h("details", { open: index === made.at - 1, "data-test": `${name}-shown` }, h("summary", null, "Request and answer"), exchange(answer, name))));
  }

  // The order as it stands, with what happened so far.
  const state_ = h("div", { class: "result", "aria-live": "polite", "data-test": "flow-result" });
  const line = h("div", { "data-test": "flow-timeline" });
  const wait = h("div", { class: "row" });
  function watch() {
    drawOrder().catch((problem) => toast(problem.message, true));
    return [state_, wait, line];
  }
  async function drawOrder() {
    const id = made?.answers.buy?.json?.data?.purchase_id;
    if (!id || STEPS[made.at][0] !== "watch") return;
    const order = await sandbox(`orders/${id}`);
    const isFinal = FINAL.includes(order.state);
    refresh(state_, [order.state, order.safe_to_refund], () => [tag(order.state),
      h("b", null, isFinal ? (order.safe_to_refund ? "Refund your customer" : "The customer has it") : "Not known yet: do not refund"),
      h("span", { class: "soft" }, `safe_to_refund: ${order.safe_to_refund}`)]);
    refresh(wait, [isFinal, id], () => [
      !isFinal && action("Turn the clock on by 1 minute", async () => { await sandbox("clock", "POST", { advance_seconds: 60 }); await drawOrder(); }, { class: "primary", "data-test": "flow-minute" }),
      h("a", { class: "button", href: `#/story/${id}`, "data-test": "flow-story" }, "Its whole story"),
      h("a", { class: "button", href: "#/webhooks", "data-test": "flow-webhooks" }, "Be told by webhook")]);
    const entries = await load(id, order);
    refresh(line, entries, () => timeline(entries, { brief: true }));
  }

  function draw(moved = false) {
    replace(list, STEPS.map(step));
    place();
    drawPhone();
    if (moved) {
      const now = list.querySelector(".now");
      now?.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      now?.querySelector("button.primary")?.focus({ preventScroll: true });
    }
  }

  async function drawPhone() {
    const [number] = made.customer;
    if (aside.dataset.number !== number) {
      aside.dataset.number = number;
      replace(aside, handset(number, screen));
    }
    const all = (await messages()).filter((sms) => sms.phone === number).slice(0, 5);
    const waits = STEPS[made.at][0] === "verify";
    refresh(screen, [all, waits, number], () => {
      if (all.length === 0) return h("p", { class: "soft small" }, "No message yet. It comes with step 1.");
      return all.map((sms, index) => {
        const isNew = waits && index === 0;
        const node = bubble(sms, isNew && action("Use this code", () => works.verify(sms.otp), { class: "primary", "data-test": "flow-verify" }));
        if (isNew) node.classList.add("fresh");
        return node;
      });
    });
    if (waits) screen.querySelector("button.primary")?.focus({ preventScroll: true });
  }

  draw();
  until(on("activity", drawOrder));
  if (!state.key) toast("The sandbox has no key.", true);
}
