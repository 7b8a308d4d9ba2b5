// A Seedcast worker without a line of Python: it evaluates the functions in objectives.js. See docs/worker-protocol.md.

import {createHash} from "node:crypto";
import {createServer} from "node:http";
import {arch, cpus} from "node:os";
import {Damaged, decode, encode} from "./frame.js";
import {OBJECTIVES} from "./objectives.js";

const PROTOCOL = 3;
const FRAME = "application/vnd.seedcast.frame";
const QUEUE = 2;
const MOST_BYTES = 256 * 2 ** 20;
const LARGEST_VALUE = 1e30;
const {SEEDCAST_WORKER_HOST: host = "127.0.0.1", SEEDCAST_WORKER_PORT: port = "8001", SEEDCAST_WORKER_SECRET: secret} = process.env;

const INFO = {
  protocol: PROTOCOL,
  version: "javascript-1.0.0",
  slots: 1,
  queue: QUEUE,
  cpu: cpus()[0]?.model ?? "unknown",
  // Equal fingerprints promise equal bits. Give it that of the Python workers only if your functions keep the promise.
  fingerprint: process.env.SEEDCAST_WORKER_FINGERPRINT ?? `node-${process.versions.v8}-${arch()}`,
  populations: ["rows"],
  environments: [],
  policies: [],
  objectives: Object.keys(OBJECTIVES),
};

class Refusal extends Error {
  constructor(status, title, detail, errors = [], headers = {}) {
    super(detail);
    Object.assign(this, {status, headers, body: {type: "about:blank", title, status, detail, errors}});
  }
}
const wrong = (field, reason) => new Refusal(422, "Invalid input", `${field}: ${reason}`, [{field, reason}]);

function objectiveOf({id, kwargs = {}} = {}) {
  if (!Object.hasOwn(OBJECTIVES, id ?? "")) throw wrong("objective.id", `is not one of ${INFO.objectives.join(", ")}`);
  try {
    return OBJECTIVES[id](kwargs);
  } catch (error) {
    throw wrong("objective.kwargs", error.message);
  }
}

/** Read a unit in either form into {header, parameters, dimension, rows, seeds}. */
function unitOf(body, binary) {
  if (!binary) {
    const unit = jsonOf(body);
    if (!Array.isArray(unit.parameters?.[0])) throw wrong("parameters", "is missing, or no list of rows");
    const dimension = unit.parameters[0].length;
    if (unit.parameters.some((row) => row.length !== dimension)) throw wrong("parameters", "has rows of several lengths");
    const [parameters, rows, seeds] = [Float32Array.from(unit.parameters.flat()), unit.rows ?? [], unit.seeds ?? []];
    return {header: unit, parameters, dimension, rows, seeds};
  }
  const {header, arrays} = decode(body);
  if ((header.population ?? "rows") !== "rows") throw wrong("population", "this worker takes rows alone");
  for (const [name, kind] of [["parameters", "F32"], ["rows", "I32"], ["seeds", "I32"]]) {
    if (arrays[name]?.kind !== kind) throw wrong(name, `is missing, or not of type ${kind}`);
  }
  const {parameters, rows, seeds} = arrays;
  return {header, parameters: parameters.values, dimension: parameters.shape[1], rows: rows.values, seeds: seeds.values};
}

function check({header, parameters, dimension, rows, seeds}) {
  if ((header.protocol ?? PROTOCOL) !== PROTOCOL) {
    throw new Refusal(409, "Protocol mismatch", `the unit speaks protocol ${header.protocol}, this worker ${PROTOCOL}`);
  }
  if (!header.objective) throw wrong("environment", "this worker has no environments");
  const objective = objectiveOf(header.objective);
  if (dimension !== objective.dimension) throw wrong("parameters", `has rows of ${dimension} values, not ${objective.dimension}`);
  if (!parameters.every(Number.isFinite)) throw wrong("parameters", "must be finite");
  if (!rows.length || rows.length !== seeds.length) throw wrong("rows", "rows and seeds need one length");
  const members = parameters.length / dimension;
  if (!rows.every((row) => Number.isInteger(row) && row >= 0 && row < members)) throw wrong("rows", "must point into parameters");
  if (!seeds.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31 - 1)) throw wrong("seeds", "must be from 0 to 2³¹ − 2");
  return objective;
}

/** Evaluate a unit; between solutions other requests have their turn, and whoever has gone is noticed. */
async function evaluate(unit, gone) {
  const objective = check(unit);
  const {parameters, dimension, rows, seeds} = unit;
  const [begun, failures] = [performance.now(), []];
  const [returns, lengths] = [new Float64Array(rows.length).fill(NaN), new Int32Array(rows.length)];
  const deadline = begun + 1000 * (unit.header.objective.timeout_seconds ?? 60);
  let rest = begun;
  for (let i = 0; i < rows.length; i++) {
    const now = performance.now();
    if (now > deadline) {
      const all = Array.from(rows.keys());
      return result(returns.fill(NaN), lengths.fill(0), [{kind: "timeout", message: "the unit took too long", rollouts: all}], 1, begun);
    }
    if (now - rest > 20) {
      await new Promise(setImmediate);
      if (gone()) return null;
      rest = now;
    }
    try {
      const value = objective.evaluate(parameters.subarray(rows[i] * dimension, (rows[i] + 1) * dimension), seeds[i]);
      if (Math.abs(value) <= LARGEST_VALUE) [returns[i], lengths[i]] = [value, 1];
      else failures.push({kind: "invalid", message: `the value is ${value}`, rollouts: [i]});
    } catch (error) {
      failures.push({kind: "exception", message: `${error}`, rollouts: [i]});
    }
  }
  return result(returns, lengths, failures, objective.direction === "minimise" ? -1 : 1, begun);
}

function result(returns, lengths, failures, sign, begun) {
  const header = {protocol: PROTOCOL, busy_seconds: (performance.now() - begun) / 1000, failures};
  return {header, returns, fitness: returns.map((value) => sign * value), lengths};
}

function written({header, returns, fitness, lengths}, binary) {
  if (binary) {
    const array = (kind, values) => ({kind, shape: [values.length], values});
    return encode(header, {returns: array("F64", returns), fitness: array("F64", fitness), lengths: array("I32", lengths)});
  }
  const list = (values) => Array.from(values, (value) => (Number.isFinite(value) ? value : null));
  return Buffer.from(JSON.stringify({...header, returns: list(returns), fitness: list(fitness), lengths: list(lengths)}));
}

let [waiting, turn, leaving] = [0, Promise.resolve(), false];

/** Have its turn: one unit is computed at a time. */
async function inTurn(work) {
  if (waiting > QUEUE) throw new Refusal(503, "Busy", "no room now", [], {"retry-after": "1"});
  waiting++;
  const mine = turn.then(work).finally(() => waiting--);
  turn = mine.catch(() => {});
  return mine;
}

function jsonOf(body) {
  try {
    const value = JSON.parse(body.toString());
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // told below
  }
  throw wrong("body", "is no JSON object");
}

async function bodyOf(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    if ((size += chunk.length) > MOST_BYTES) throw new Refusal(413, "Payload too large", `over ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const stated = request.headers["content-digest"];
  if (stated && stated !== digest(body)) throw wrong("body", "was damaged on its way: its digest differs");
  return body;
}

const digest = (body) => `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;

async function answer(request, response) {
  const type = (request.headers["content-type"] ?? "").split(";")[0].trim();
  const [path, binary] = [request.url.split("?")[0], type === FRAME];
  if (path === "/livez" || path === "/readyz") {
    if (path === "/readyz" && leaving) throw new Refusal(503, "Busy", "the worker is shutting down", [], {"retry-after": "1"});
    return {status: "ok"};
  }
  if (secret && request.headers.authorization !== `Bearer ${secret}`) throw new Refusal(401, "Unauthorised", "the token is missing or wrong");
  if (request.method === "GET" && path === "/info") return INFO;
  if (request.method !== "POST") throw new Refusal(404, "Not found", `there is no ${path}`);
  if (!binary && type !== "application/json") throw new Refusal(415, "Unsupported media type", "is neither JSON nor a frame");
  if (path === "/objectives/describe") {
    const {dimension, direction, noisy = false} = objectiveOf(jsonOf(await bodyOf(request)));
    return {dimension, direction, noisy};
  }
  if (path !== "/evaluations" && path !== "/rollouts") throw new Refusal(404, "Not found", `there is no ${path}`);
  const unit = unitOf(await bodyOf(request), binary);
  const done = await inTurn(() => evaluate(unit, () => response.destroyed));
  return done && written(done, binary);
}

const server = createServer({keepAliveTimeout: 75_000}, async (request, response) => {
  try {
    const said = await answer(request, response);
    if (said === null) return;
    const body = Buffer.isBuffer(said) ? said : Buffer.from(JSON.stringify(said));
    const type = Buffer.isBuffer(said) && request.headers["content-type"].startsWith(FRAME) ? FRAME : "application/json";
    response.writeHead(200, {"content-type": type, "content-length": body.length, "content-digest": digest(body)}).end(body);
  } catch (error) {
    const refusal = error instanceof Refusal ? error : error instanceof Damaged ? wrong("body", error.message) : new Refusal(500, "Internal error", `${error}`);
    response.writeHead(refusal.status, {"content-type": "application/problem+json", ...refusal.headers}).end(JSON.stringify(refusal.body));
  }
});
server.listen(Number(port), host, () => console.log(`a JavaScript worker on http://${host}:${port}`));
process.on("SIGTERM", () => {
  leaving = true;
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
