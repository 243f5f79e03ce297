// Outcomes that can be set for the next call of a simulated provider.

export const VTPASS = [
  ["Pay: charged, and the answer is lost (502)", { call: "pay", http_status: 502, charge: true }],
  ["Pay: pending, then delivered", { call: "pay", code: "099", resolves_to: "delivered", asks: 2 }],
  ["Pay: pending, then failed", { call: "pay", code: "099", resolves_to: "failed", asks: 2 }],
  ["Pay: pending for ever", { call: "pay", code: "099", resolves_to: "pending" }],
  ["Pay: delivered", { call: "pay", code: "000", resolves_to: "delivered" }],
  ["Pay: failed, not charged", { call: "pay", code: "016" }],
  ["Pay: charged and paid back", { call: "pay", code: "040" }],
  ["Pay: a person must look (044)", { call: "pay", code: "044" }],
  ["Pay: half an answer, then it breaks", { call: "pay", half: true }],
  ["Pay: no answer for a minute", { call: "pay", hang: true }],
  ["Pay: our wallet is empty (018)", { call: "pay", code: "018" }],
  ["Pay: our credentials are refused (087)", { call: "pay", code: "087" }],
  ["Requery: unknown order (015)", { call: "requery", code: "015" }],
  ["Requery: no readable answer", { call: "requery", body: "<html>down</html>" }],
];

const operations = [["recharges", "Recharges"], ["usage", "Usage"], ["balance", "Balance"]];
const answers = [["held", "answer later, when you say so"], ["lost", "the callback is lost"], ["duplicate", "the callback comes twice"], ["conflicting", "two callbacks contradict"], ["error", "an error"], ["html", "a page of HTML"]];

export const MTN = [
  ...operations.flatMap(([operation, name]) => answers.map(([answer, text]) => [`${name}: ${text}`, { operation, answer }])),
  ["Refill: unclear, a person must look", { operation: "refill", answer: "silent" }],
  ["Refill: an error", { operation: "refill", answer: "error" }],
  ["Token: refused", { operation: "plans", answer: "refuse_token" }],
];

export const MONO = [
  ["Adaeze withdraws at Mono", "66a0c1d2e3f4a5b6c7d8e901"],
  ["Tunde withdraws at Mono", "66a0c1d2e3f4a5b6c7d8e902"],
  ["Halima withdraws at Mono", "66a0c1d2e3f4a5b6c7d8e903"],
];
