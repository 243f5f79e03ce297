// The SMS that simulated phones received.

import { sandbox } from "./api.js";
import { h, head, refresh, sync } from "./dom.js";
import { time } from "./format.js";
import { copy } from "./exchange.js";
import { on } from "./live.js";

export const messages = () => sandbox("otps");

export function bubble(sms, button) {
  return h("div", { class: "sms", "data-test": "sms" },
    h("span", null, "Your code is ", h("span", { class: "otp", "data-test": "sms-otp" }, sms.otp)),
    h("span", { class: "small soft num" }, time(sms.sent_at)), button);
}

export function handset(number, screen) {
  return h("section", { class: "phone", "aria-label": `Phone ${number}`, "data-test": `phone-${number}` },
    h("div", { class: "screen" }, h("h2", null, "Messages"), h("p", { class: "whose num" }, number), screen));
}

export async function show(root, params, { until }) {
  const inbox = h("div", { class: "inbox", "aria-live": "polite" });
  const none = h("p", { class: "empty" }, "No phone has received a message yet. ", h("a", { href: "#/flow" }, "Ask for one."));
  root.append(head("Phone", "The messages that the simulated phones received, newest first."), none, inbox);
  const draw = async () => {
    const all = await messages();
    none.hidden = all.length > 0;
    const phones = new Map();
    for (const sms of all) phones.set(sms.phone, [...(phones.get(sms.phone) ?? []), sms]);
    sync(inbox, [...phones], ([number]) => number, ([number, list]) => {
      const screen = h("div", { class: "stack" });
      refresh(screen, list, () => list.map((sms) =>
        bubble(sms, h("button", { type: "button", onclick: () => copy(sms.otp) }, "Copy the code"))));
      return handset(number, screen);
    });
  };
  await draw();
  until(on("activity", draw));
}
