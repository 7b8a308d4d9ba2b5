// @ts-check
// Where a field stands in a YAML text: by indentation, which is all that specifications need.

/** The line (from 0) of a dotted field such as "strategy.radius", or that of its nearest parent; null: none. */
export function lineOf(text, field) {
  const lines = text.split("\n");
  let from = 0;
  let indent = -1;
  let found = null;
  for (const part of field.split(".")) {
    const line = /^\d+$/.test(part)
      ? itemLine(lines, from, indent, Number(part))
      : keyLine(lines, from, indent, part);
    if (line === null) break;
    found = line;
    indent = lines[line].search(/\S/);
    from = line + 1;
  }
  return found;
}

/** Put an environment into a specification; returns the text and the line (from 0) that names it. */
export function setEnvironment(text, id) {
  const name = /^[A-Za-z][\w./-]*$/.test(id) ? id : JSON.stringify(id);
  const lines = text.split("\n");
  const line = lineOf(text, "environment.id");
  const names = /(\bid["']?\s*:\s*)("[^"]*"|'[^']*'|[^,}#\s]+)/;
  if (line !== null && names.test(lines[line])) {
    lines[line] = lines[line].replace(names, (_, key) => key + name);
    return { text: lines.join("\n"), line };
  }
  const place = (lineOf(text, "name") ?? -1) + 1;
  lines.splice(place, 0, "environment:", `  id: ${name}`);
  return { text: lines.join("\n"), line: place + 1 };
}

function keyLine(lines, from, indent, key) {
  const wanted = new RegExp(`(^|[{,\\s"'-])${key.replace(/[^\w]/g, "\\$&")}["']?\\s*:`);
  if (from > 0 && /[{[]/.test(lines[from - 1]) && wanted.test(lines[from - 1])) return from - 1; // {a: 1} on one line
  for (let i = from; i < lines.length; i += 1) {
    if (!lines[i].trim() || lines[i].trim().startsWith("#")) continue;
    if (lines[i].search(/\S/) <= indent) return null;
    if (wanted.test(lines[i])) return i;
  }
  return null;
}

function itemLine(lines, from, indent, index) {
  let seen = -1;
  for (let i = from; i < lines.length; i += 1) {
    if (!lines[i].trim()) continue;
    if (lines[i].search(/\S/) < indent) return null;
    if (lines[i].trim().startsWith("-")) seen += 1;
    if (seen === index) return i;
  }
  return null;
}
