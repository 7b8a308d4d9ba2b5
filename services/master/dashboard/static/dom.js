// @ts-check
// Small helpers. Text always goes through textContent: nothing from the API is ever read as HTML.

/**
 * The element of that id, which the page has.
 * @returns {any}
 */
export const byId = (id) => document.getElementById(id);

/** The radio buttons of that name. */
export const radios = (name) =>
  /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(`input[type=radio][name=${name}]`));

/** Make an element: element("a", { href, className }, ...children). */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Set text only where it differs, so that a refresh leaves selections and screen readers alone. */
export function setText(node, text) {
  text = String(text ?? "");
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

/** Fill a table's head and body; a cell is text or a node, and a number stands to the right. */
export function fillTable(table, headings, lines) {
  const head = element("tr", {}, ...headings.map((text) => element("th", { scope: "col", textContent: text })));
  const rows = lines.map((line) =>
    element("tr", {}, ...line.map((cell, place) => labelled(headings[place], cell))),
  );
  if (settle(table.tBodies[0], rows)) settle(table.tHead, [head]);
}

/**
 * Have an element hold these nodes. Those that look alike stay, so that a refresh takes nothing away from who reads;
 * where somebody is at one that would go, all stay for the moment, and it returns false.
 */
export function settle(parent, nodes) {
  const there = [...parent.children];
  const stays = (old, place) => place < nodes.length && old.isEqualNode(nodes[place]);
  if (there.some((old, place) => !stays(old, place) && inUse(old))) return false;
  there.forEach((old, place) => {
    if (place >= nodes.length) old.remove();
    else if (!stays(old, place)) old.replaceWith(nodes[place]);
  });
  parent.append(...nodes.slice(there.length));
  return true;
}

/** Whether a keyboard, a pointer that is pressed or an open menu is in a part of the page. */
export const inUse = (node) =>
  node.matches(":focus-visible, :active") || node.querySelector(":focus-visible, :active, :popover-open") !== null;

function labelled(label, cell) {
  const node = element("td", {}, cell instanceof Node ? cell : String(cell));
  node.dataset.label = label;
  return node;
}

/** A table of its own, for a place that may hold one or not. */
export function makeTable(caption, headings, lines) {
  const table = element("table", { className: "grid" });
  table.append(
    element("caption", { className: "hidden", textContent: caption }),
    element("thead"),
    element("tbody"),
  );
  fillTable(table, headings, lines);
  return table;
}

/** Copy text; a page that came over plain http has no clipboard of its own, and copies by a selection. */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = element("textarea", { value: text, className: "hidden", readOnly: true });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser does not let this page copy");
}

/** Have a button copy what `text()` gives, and say so on itself. */
export function copyButton(button, text) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    try {
      await copyText(await text());
      setText(button, "Copied");
    } catch (error) {
      setText(button, `Not copied: ${error.message}`);
    }
    setTimeout(() => setText(button, label), 2000);
  });
}
