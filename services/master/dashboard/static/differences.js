// @ts-check
// Where specifications differ, field by field.

/** A specification as a flat map of dotted fields; name and tags are no settings. */
export function flatSpec(spec) {
  const flat = {};
  const walk = (value, path) => {
    if (value !== null && typeof value === "object" && Object.keys(value).length) {
      for (const [key, item] of Object.entries(value)) walk(item, path ? `${path}.${key}` : key);
    } else flat[path] = value;
  };
  const { name: _name, tags: _tags, ...settings } = spec;
  walk(settings, "");
  return flat;
}

/** The fields in which any two differ: [field, value of the first, value of the second, …]. */
export function differences(specs) {
  const flats = specs.map(flatSpec);
  const fields = [...new Set(flats.flatMap((flat) => Object.keys(flat)))];
  return fields
    .map((field) => [field, ...flats.map((flat) => flat[field])])
    .filter(([, ...values]) => new Set(values.map(shownValue)).size > 1);
}

export const shownValue = (value) =>
  value === undefined
    ? "–"
    : value === null
      ? "none"
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);
