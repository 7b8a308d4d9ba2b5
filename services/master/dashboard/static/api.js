// The master's HTTP API, as far as the dashboard uses it.

const TIMEOUT_MS = 15_000;

/** An answer other than 2xx; `message` is the problem document's detail. */
export class ApiError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function call(path, method = "GET") {
  // Not of the page's address, which may hold a password; with one in it, fetch refuses.
  const response = await fetch(new URL(path, location.origin), {
    method,
    headers: { Accept: "application/json" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new ApiError(response.status, problem.detail ?? `${response.status} ${response.statusText}`);
  }
  return response.status === 204 ? null : response.json();
}

export async function listExperiments() {
  return (await call("/experiments")).experiments;
}

/** The calls of one experiment. */
export function experimentApi(id) {
  const root = `/experiments/${encodeURIComponent(id)}`;
  const artifactUrl = (name) => `${root}/artifacts/${name.split("/").map(encodeURIComponent).join("/")}`;
  return {
    artifactUrl,
    get: () => call(root),
    progress: () => call(`${root}/progress`),
    newestGenerations: async (limit) => (await call(`${root}/generations?newest=true&limit=${limit}`)).generations,
    newestTest: async () => (await call(`${root}/evaluations?newest=true&limit=1`)).evaluations.at(0),
    artifacts: async () => (await call(`${root}/artifacts`)).artifacts,
    charts: (axis) => call(`${root}/charts?axis=${axis}`),
    stop: () => call(`${root}/stop`, "POST"),
  };
}
