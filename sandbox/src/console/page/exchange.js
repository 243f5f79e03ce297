// A request and its answer, with the request as code to copy.

import { h, pressed, replace, toast } from "./dom.js";
import { pretty, span, statusTag } from "./format.js";
import { LANGUAGES } from "./snippets.js";

let language = "curl";

export async function copy(text) {
  await navigator.clipboard.writeText(text);
  toast("Copied");
}

export function exchange(answer, name) {
  const { request } = answer;
  const code = h("pre", { tabindex: "0", "aria-label": "The request as code", "data-test": `${name}-code` });
  const langs = Object.keys(LANGUAGES).map((lang) =>
    h("button", { type: "button", "data-test": `${name}-${lang.toLowerCase()}`, onclick: () => show(lang) }, lang));
  function show(lang) {
    language = lang;
    replace(code, LANGUAGES[lang](request));
    langs.forEach((button) => pressed(button, button.textContent === lang));
  }
  show(language);
  return h("div", { class: "exchange", "data-test": `${name}-exchange` },
    h("div", { class: "line" }, h("code", null, h("b", null, request.method), " ", request.path),
      statusTag(answer.status), h("span", { class: "small soft num" }, span(answer.ms))),
    request.body !== undefined && [h("p", { class: "name" }, "Request"), h("pre", { tabindex: "0", "aria-label": "The request's body", "data-test": `${name}-body` }, pretty(request.body)), h("p", { class: "name" }, "Answer")],
    h("pre", { tabindex: "0", "aria-label": "The answer", "data-test": `${name}-answer` }, answer.json ? pretty(answer.json) : answer.text || "(empty)"),
    h("details", { "data-test": `${name}-copy` }, h("summary", null, "Copy this request as code"),
      h("div", { class: "langs", role: "group", "aria-label": "Language" }, langs),
      h("div", { class: "code" }, code,
        h("button", { type: "button", class: "copy", onclick: () => copy(code.textContent).catch((e) => toast(e.message, true)) }, "Copy"))));
}
