// What happens in the sandbox, as it happens: the activity by server-sent events, the health by asking.

import { sandbox } from "./api.js";

const KEPT = 3000;
// How many of the entries that are there already are read.
const FIRST = 1000;
const HEALTH_MS = 2000;
const PAUSE_MS = 250;

export const live = { entries: [], health: null, connected: false };
const listeners = new Map();

// Calls `listener` on "activity" (with the new entries) or "health". Gives the way to stop.
export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(listener);
  return () => listeners.get(name).delete(listener);
}

function tell(name, value) {
  for (const listener of listeners.get(name) ?? []) {
    Promise.resolve().then(() => listener(value)).catch((problem) => console.error(problem));
  }
}

let fresh = [];
let telling = null;

function take(entry) {
  const last = live.entries.at(-1);
  if (last && entry.n <= last.n) return;
  live.entries.push(entry);
  if (live.entries.length > KEPT) live.entries.splice(0, live.entries.length - KEPT);
  fresh.push(entry);
  telling ??= setTimeout(() => {
    const entries = fresh;
    fresh = [];
    telling = null;
    tell("activity", entries);
  }, PAUSE_MS);
}

async function askHealth() {
  try {
    live.health = await sandbox("health");
    live.connected = true;
  } catch {
    live.connected = false;
  }
  tell("health", live.health);
}

export function refreshHealth() {
  return askHealth();
}

async function listen() {
  const after = Math.max((live.health?.last_activity ?? 0) - FIRST, 0);
  const first = await sandbox(`activity?after=${after}&limit=${FIRST}`);
  first.entries.forEach(take);
  const stream = new EventSource(`/_sandbox/stream?after=${first.next}`);
  stream.addEventListener("activity", (event) => take(JSON.parse(event.data)));
}

// Does not end.
export async function begin() {
  await askHealth();
  await listen();
  for (;;) {
    await new Promise((done) => { setTimeout(done, HEALTH_MS); });
    if (!document.hidden) await askHealth();
  }
}
