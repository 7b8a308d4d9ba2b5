// @ts-check
// Numbers, times and specifications as people read them.

const NONE = "–";
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (value) => (value == null ? NONE : whole.format(value));
/** A number somebody chose, such as a target: as it was written. */
export const given = (value) =>
  (value !== 0 && Math.abs(value) < 0.001 ? String(value) : exact.format(value)).replace(/^-/, "−");
export const short = (value) => (value == null || !Number.isFinite(value) ? NONE : compact.format(value));

/** A return: one decimal, more where it is small. */
export function score(value) {
  if (value == null) return NONE;
  if (value !== 0 && Math.abs(value) < 0.05) return value.toPrecision(3).replace("-", "−");
  if (Math.abs(value) >= 1e7) return value.toExponential(3).replace("-", "−").replace("e+", "e");
  const digits = Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits).replace("-", "−");
}

/** How much of what an experiment may use at most it has used, from 0 to 1, by the limit that is nearest. */
export function part(experiment) {
  const of = (used, limit) => (limit ? used / limit : 0);
  return Math.max(
    of(experiment.generation, experiment.stop_generations),
    of(experiment.environment_steps, experiment.stop_environment_steps),
    of(experiment.elapsed_seconds, experiment.stop_wall_time_seconds),
  );
}

/** How long an active experiment has still to go at most; null where that is not known. */
export function remaining(experiment) {
  const done = part(experiment);
  return experiment.active && done > 0 ? Math.max(0, experiment.elapsed_seconds * (1 / done - 1)) : null;
}

export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return NONE;
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${Math.floor(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

export function bytes(size) {
  if (size < 1024) return `${size} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(size) / 10), units.length);
  return `${(size / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}

export function hours(value) {
  if (value == null) return NONE;
  if (value > 0 && value < 0.001) return "< 0.001";
  return value < 0.1 ? String(Number(value.toFixed(3))) : value < 100 ? value.toFixed(1) : count(value);
}
/** An amount, to the cent. */
export const money = (amount) =>
  amount > 0 && amount < 0.005 ? "< 0.01" : amount < 1000 ? amount.toFixed(2) : count(amount);
export const moment = (iso) => (iso ? new Date(iso).toLocaleString() : NONE);

/** Text for plotly.js, which would read tags and entities in it. */
export const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Plain data as YAML. Every doubtful string is quoted as JSON, which YAML reads alike. */
export function yaml(value, indent = "") {
  if (Array.isArray(value) && value.length > 0) {
    return value.map((item) => `${indent}- ${block(item, `${indent}  `).trimStart()}`).join("\n");
  }
  if (value !== null && typeof value === "object" && Object.keys(value).length > 0 && !Array.isArray(value)) {
    return Object.entries(value)
      .map(([key, item]) => {
        const nested = item !== null && typeof item === "object" && Object.keys(item).length > 0;
        return `${indent}${scalar(key)}:${nested ? "\n" : " "}${nested ? yaml(item, `${indent}  `) : scalar(item)}`;
      })
      .join("\n");
  }
  return `${indent}${scalar(value)}`;
}

function block(item, indent) {
  return item !== null && typeof item === "object" ? yaml(item, indent) : scalar(item);
}

function scalar(value) {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "string") return JSON.stringify(value);
  const plain = /^[A-Za-z_][\w./-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value);
  return plain ? value : JSON.stringify(value);
}
