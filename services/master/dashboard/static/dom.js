// Small helpers. Text always goes through textContent: nothing from the API is ever read as HTML.

export const byId = (id) => document.getElementById(id);

/** Make an element: element("a", { href, className }, ...children). */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Set text only where it differs, so that a refresh leaves selections and screen readers alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Show a status as a pill; its colour hangs on the first word ("waiting for workers" → "waiting"). */
export function setStatus(node, status) {
  setText(node, status);
  node.dataset.status = status.split(" ")[0];
}
