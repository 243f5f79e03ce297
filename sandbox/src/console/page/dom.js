// Builds elements. Every text becomes a text node, so nothing that is shown is read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "selected") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  add(node, children);
  return node;
}

export function add(node, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const svg = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

export function replace(node, ...children) {
  node.replaceChildren();
  add(node, children);
}

// Shows `value` in a node, if it is another than before. The focus stays.
export function refresh(node, value, build) {
  const text = JSON.stringify(value);
  if (node.shownAs === text) return;
  node.shownAs = text;
  const had = node.contains(document.activeElement) ? document.activeElement.dataset.test : null;
  replace(node, build(value));
  if (had) node.querySelector(`[data-test="${CSS.escape(had)}"]`)?.focus({ preventScroll: true });
}

// Makes the children of `parent` those of `items`, and touches only those that changed: focus and
// selection in the others stay.
export function sync(parent, items, keyOf, build) {
  const known = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    const text = JSON.stringify(item);
    let node = known.get(key);
    known.delete(key);
    if (!node || node.shownAs !== text) {
      const fresh = build(item);
      fresh.dataset.key = key;
      fresh.shownAs = text;
      if (node) {
        const had = node.contains(document.activeElement) ? document.activeElement.dataset.test : null;
        if (at === node) at = fresh;
        node.replaceWith(fresh);
        if (had) fresh.querySelector(`[data-test="${CSS.escape(had)}"]`)?.focus();
      }
      node = fresh;
    }
    if (at === node) at = node.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  for (const node of known.values()) node.remove();
  while (at) {
    const next = at.nextElementSibling;
    at.remove();
    at = next;
  }
}

export function head(title, text, ...actions) {
  return h("div", { class: "head" },
    h("div", null, h("h1", { id: "title" }, title), text && h("p", null, text)),
    actions.length > 0 && h("div", { class: "row" }, actions));
}

let fading;
export function toast(text, isBad = false) {
  const node = document.getElementById("toast");
  node.textContent = text;
  node.className = isBad ? "toast shown bad" : "toast shown";
  clearTimeout(fading);
  fading = setTimeout(() => { node.className = "toast"; }, isBad ? 6000 : 2600);
}

// A button that works once at a time, and says what went wrong.
export function action(label, work, props = {}) {
  const button = h("button", { type: "button", ...props }, label);
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      await work(button);
    } catch (problem) {
      toast(problem.message, true);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}

export function pressed(button, isOn) {
  button.setAttribute("aria-pressed", String(isOn));
}
