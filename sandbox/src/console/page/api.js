// Requests of the page: to the gateway's API with a key of the sandbox, and to the console.

export const state = { about: null, key: "", tenant: "" };

async function send(method, path, body, headers) {
  const options = { method, headers: { ...headers } };
  if (body !== undefined) {
    options.body = typeof body === "string" ? body : JSON.stringify(body);
    options.headers["content-type"] = "application/json";
  }
  const begun = performance.now();
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The sandbox does not answer. Is it still running?");
  }
  const text = await answer.text();
  let json = null;
  try {
    json = JSON.parse(text);
  } catch {
    // An answer in another format stays text.
  }
  return { status: answer.status, text, json, ms: Math.round(performance.now() - begun) };
}

// The console. A refusal is an error with the console's message.
export async function sandbox(path, method = "GET", body) {
  const answer = await send(method, `/_sandbox/${path}`, body);
  if (answer.status >= 300) throw new Error(answer.json?.message ?? answer.json?.error ?? `${path}: ${answer.status} ${answer.text}`);
  return answer.json;
}

// The gateway's API, as a tenant calls it. Gives the request beside the answer.
export async function api(method, path, { body, headers = {} } = {}) {
  const request = { method, path, body, headers: { "mono-sec-key": state.key, ...headers } };
  return { request, ...(await send(method, path, body, request.headers)) };
}

// The same where only success is of use.
export async function ask(method, path, options) {
  const answer = await api(method, path, options);
  if (answer.status >= 300) throw new Error(problemOf(answer));
  return answer.json;
}

export function problemOf(answer) {
  return answer.json?.message ?? `The answer was ${answer.status}.`;
}

export async function begin() {
  state.about = await sandbox("about");
  const [first] = state.about.keys;
  choose(sessionStorage.getItem("key") ?? first?.key ?? "");
}

export function choose(key) {
  const known = state.about.keys.find((it) => it.key === key) ?? state.about.keys[0];
  state.key = known?.key ?? "";
  state.tenant = known?.tenant ?? "";
  sessionStorage.setItem("key", state.key);
}
