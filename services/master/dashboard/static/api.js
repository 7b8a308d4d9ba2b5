// @ts-check
// The master's HTTP API, as far as the dashboard uses it.

const TIMEOUT_MS = 15_000;

/** The path below which the master is served: "/", or a proxy's prefix. Modules lie in ROOT/static/VERSION/. */
export const ROOT = new URL("../../", import.meta.url).pathname;

/** An answer other than 2xx; `message` is the problem document's detail, `errors` its wrong fields. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `the master answers ${status}`);
    this.status = status;
    this.errors = problem.errors ?? [];
  }
}

/** There was no answer: the master, or the way to it, is gone for the moment. */
export class Unreachable extends Error {}

/** The address of a path of the API, never with the password that the page's own address may hold. */
export const address = (path) => `${location.origin}${ROOT}${path}`;
/** The address of a page of the dashboard. */
export const pageOf = (id) => `${ROOT}dashboard/${encodeURIComponent(id)}`;

export async function call(
  path,
  { method = "GET", json = undefined, yaml = undefined, headers = {}, signal = undefined, text = false } = {},
) {
  const type = json !== undefined ? "application/json" : yaml !== undefined ? "application/yaml" : null;
  const answer = fetch(address(path), {
    method,
    // The answer is asked for again each time, and comes without a body if it has not changed.
    cache: "no-cache",
    headers: { Accept: "application/json", ...(type && { "Content-Type": type }), ...headers },
    body: json !== undefined ? JSON.stringify(json) : yaml,
    signal: signal ?? AbortSignal.timeout(TIMEOUT_MS),
  });
  const response = await answer.catch((error) => {
    throw error.name === "AbortError" ? error : new Unreachable("the master does not answer");
  });
  if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => ({})));
  const body = await response.text();
  if (text) return body;
  return response.status === 204 ? null : LONG_SEED.test(body) ? JSON.parse(body, exactSeed) : JSON.parse(body);
}

// JSON.parse makes a number of every integer, and no number is 2**53 + 1: a clone would get another seed.
const LONG_SEED = /seed":\s*\d{16}/;
const exactSeed = (key, value, context) =>
  key.endsWith("seed") && Number.isInteger(value) && context ? BigInt(context.source) : value;

export const rows = (query) => call(`experiments?${query}`);
export const presets = async () => (await call("presets")).presets;
export const dryRun = (yaml, signal) => call("experiments?dry_run=true", { method: "POST", yaml, signal });
export const dryRunStudy = (yaml, signal) => call("studies?dry_run=true", { method: "POST", yaml, signal });
export const environments = (text, limit) => call(`environments?${new URLSearchParams({ text, limit })}`);
/** Start one; the same key again starts nothing anew. */
const begin = (path) => (yaml, key) => call(path, { method: "POST", yaml, headers: { "Idempotency-Key": key } });
export const submit = begin("experiments");
export const startStudy = begin("studies");
export const workers = async () => (await call("workers")).workers;
export const fleetHistory = async (after) => (await call(`workers/history?after=${after}`)).samples;
export const plan = () => call("autoscale");
export const studies = async () => (await call("studies")).studies;
export const comparison = (query) => call(`comparison?${query}`);

/** The calls of one experiment. */
export function experimentApi(id) {
  const root = `experiments/${encodeURIComponent(id)}`;
  return {
    artifactUrl: (name) => address(`${root}/artifacts/${encodeURIComponent(name)}`),
    csvUrl: address(`${root}/generations?format=csv`),
    get: () => call(root),
    progress: () => call(`${root}/progress`),
    artifacts: async () => (await call(`${root}/artifacts`)).artifacts,
    columns: (after, every, most = 1000) => call(`${root}/columns?after=${after}&every=${every}&most=${most}`),
    film: (model) => call(`${root}/videos`, { method: "POST", json: { model } }),
    jobs: async () => (await call(`${root}/jobs`)).jobs,
    log: () => call(`${root}/log?lines=300`, { text: true }),
    stop: () => call(`${root}/stop`, { method: "POST" }),
    pause: () => call(`${root}/pause`, { method: "POST" }),
    resume: () => call(`${root}/resume`, { method: "POST" }),
    change: (changes) => call(root, { method: "PATCH", json: changes }),
    remove: () => call(`${root}?force=true`, { method: "DELETE" }),
  };
}

/** The calls of one study. */
export function studyApi(id) {
  const root = `studies/${encodeURIComponent(id)}`;
  return {
    get: () => call(root),
    curves: async () => (await call(`${root}/curves`)).curves,
    stop: () => call(`${root}/stop`, { method: "POST" }),
  };
}
