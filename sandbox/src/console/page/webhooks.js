// A receiver of webhooks on this page: what the gateway sends, verified as Standard Webhooks says.

import { api, ask, problemOf, sandbox } from "./api.js";
import { action, h, head, refresh, replace, sync, toast } from "./dom.js";
import { exchange } from "./exchange.js";
import { moment, plural, pretty, short, statusTag, tag } from "./format.js";
import { on } from "./live.js";

const VERDICTS = {
  verified: ["verified", "good"], wrong_signature: ["wrong signature", "bad"], too_old: ["too old: a replay", "bad"],
  from_the_future: ["from the future", "bad"], no_headers: ["headers missing", "bad"], no_secret: ["no secret known", "wait"],
};

function delivery(it) {
  const [words, kind] = VERDICTS[it.verdict] ?? [it.verdict, "bad"];
  const about = it.body?.data?.purchase_id ?? it.body?.data?.account_id ?? it.body?.data?.request_id;
  return h("li", { "data-test": "delivery" }, h("span", { class: "off" }, moment(it.at)), h("span", null, tag(words, kind)),
    h("span", null, it.body?.type ?? "unknown", it.before > 0 && h("span", { class: "small soft" }, `, came ${plural(it.before, "time")} before`),
      about && [" ", h("a", { href: `#/story/${about}`, class: "mono" }, short(about))]),
    h("span", { class: "small" }, "answered ", statusTag(it.status)),
    h("details", { class: "more" }, h("summary", null, "Headers and body"),
      h("pre", { tabindex: "0" }, `webhook-id: ${it.webhook_id}\nwebhook-timestamp: ${it.webhook_timestamp}\n\n${pretty(it.body)}`)));
}

export async function show(root, params, { until, again }) {
  const list = h("ol", { class: "events deliveries", "aria-live": "polite" });
  const none = h("p", { class: "empty" }, "Nothing has arrived. Register the receiver, then buy something or send a test event.");
  const controls = h("div", { class: "stack" });
  const known = h("div");
  const shown = h("div");
  root.append(head("Webhooks", "A receiver is built into this page. It verifies each delivery, and can fail or be slow, so that you see how the gateway sends again."),
    h("div", { class: "stack" }, h("section", { class: "panel", "aria-label": "Receiver" }, controls, shown), known,
      h("section", { class: "panel", "aria-labelledby": "arrived" }, h("header", null, h("h2", { id: "arrived" }, "What arrived")), none, list)));

  let url = "";
  const register = action("Register this receiver", async () => {
    const answer = await api("POST", "/webhook-endpoints", { body: { url } });
    replace(shown, exchange(answer, "register"));
    if (answer.status >= 300) throw new Error(problemOf(answer));
    await sandbox("receiver", "PATCH", { secret: answer.json.data.secret });
    toast("Registered. The receiver knows the secret.");
    await drawEndpoints();
    await draw();
  }, { class: "primary", "data-test": "webhook-register" });
  const forge = action("Send a forged one", async () => {
    const now = Math.floor(Date.now() / 1000);
    await fetch("/_sandbox/receiver", { method: "POST", body: JSON.stringify({ type: "purchase.failed", data: { safe_to_refund: true } }),
      headers: { "content-type": "application/json", "webhook-id": "0".repeat(32), "webhook-timestamp": String(now), "webhook-signature": "v1,Zm9yZ2Vk" } });
    await draw();
  }, { "data-test": "webhook-forge" });
  const fails = h("input", { type: "checkbox", id: "receiver-fails", "data-test": "receiver-fails", onchange: () => change({ fails: fails.checked }) });
  const slow = h("select", { id: "receiver-delay", "data-test": "receiver-delay", onchange: () => change({ delay_ms: Number(slow.value) }) },
    [["at once", 0], ["after 3 s", 3000], ["after 16 s: too late", 16_000]].map(([name, ms]) => h("option", { value: ms }, name)));
  const change = (body) => sandbox("receiver", "PATCH", body).catch((problem) => toast(problem.message, true));
  controls.append(h("div", { class: "row" }, register, forge),
    h("div", { class: "row" }, h("label", { class: "check" }, fails, "Answer 500"),
      h("div", { class: "row" }, h("label", { for: "receiver-delay" }, "Answers"), slow)));

  function endpoint(it) {
    const own = it.url === url;
    return h("tr", { "data-test": "endpoint" }, h("td", { "data-label": "URL", class: "wide mono" }, it.url, own && h("span", { class: "small soft" }, " (this page)")),
      h("td", { "data-label": "State" }, tag(it.state)), h("td", { "data-label": "Events" }, it.events?.length ? it.events.join(", ") : "all"),
      h("td", { class: "right" }, h("div", { class: "row" }, action("Test", () => ask("POST", `/webhook-endpoints/${it.id}/test`).then(() => toast("A test event is on its way")), { "data-test": "endpoint-test" }),
        action("Remove", () => ask("DELETE", `/webhook-endpoints/${it.id}`).then(drawEndpoints), { "data-test": "endpoint-remove" }))));
  }
  async function drawEndpoints() {
    const { data } = await ask("GET", "/webhook-endpoints");
    refresh(known, data, () => data.length > 0 && h("section", { class: "panel", "aria-labelledby": "endpoints" }, h("header", null, h("h2", { id: "endpoints" }, "Endpoints of this tenant")),
      h("table", { class: "table fold" }, h("thead", null, h("tr", null, ["URL", "State", "Events", "Do"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", null, data.map(endpoint)))));
    const isKnown = data.some((it) => it.url === url);
    register.disabled = isKnown;
    register.textContent = isKnown ? "Registered" : "Register this receiver";
  }
  async function draw() {
    const it = await sandbox("receiver");
    url = it.url;
    if (document.activeElement !== slow) slow.value = String(it.delay_ms);
    fails.checked = it.fails;
    none.hidden = it.deliveries.length > 0;
    sync(list, it.deliveries, (one) => `${one.webhook_id} ${one.at} ${one.before}`, delivery);
  }
  await draw();
  await drawEndpoints();
  until(on("activity", draw));
}
