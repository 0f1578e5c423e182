// Talks to the service: JSON calls with errors that say what they are, and server-sent events that survive a lost
// connection. EventSource cannot send an Authorization header, so events are read with fetch.

export class ApiError extends Error {
  /** `status` 0 means that nothing was reached; `retryAfter` is in seconds, where the service said it. */
  constructor(status, message, { code = null, retryAfter = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

const CALL_SECONDS = 120;
const SILENT_SECONDS = 40; // the service says something every 15 s: longer silence is a dead connection
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

export class Api {
  /** `base` ends in "/"; `headers()` gives the headers of a request, such as the token;
   *  `renew(headers)` is asked once after a 401, with what was refused, and says whether to try again. */
  constructor({ base = "/", headers = async () => ({}), renew = async () => false } = {}) {
    this.base = base;
    this.headers = headers;
    this.renew = renew;
    this.waking = new Set(); // what to call when the service answers: whoever waits to come back need not wait on
  }

  get(path, options) { return this.call("GET", path, undefined, options); }
  post(path, body = {}, options) { return this.call("POST", path, body, options); }
  put(path, body = {}, options) { return this.call("PUT", path, body, options); }
  delete(path, options) { return this.call("DELETE", path, undefined, options); }

  /** The answer's JSON. Throws ApiError. */
  async call(method, path, body, { signal, seconds = CALL_SECONDS } = {}) {
    const response = await this.#reach(method, path, body, either(signal, AbortSignal.timeout(seconds * 1000)));
    for (const wake of this.waking) wake();
    try {
      return response.status === 204 ? null : await response.json();
    } catch {
      throw new ApiError(0, "The answer was cut off.");
    }
  }

  /** Reads server-sent events until `signal` ends it, and comes back after every break.
   *  `on` maps an event's name to what to do with its JSON, and "alive" to what to do when the service says that it
   *  has told all that was missed, or that nothing happens; `after` is the last event id that was seen;
   *  `state` hears "connecting", "open", "lost"; `refused` hears the ApiError that made it give up. */
  async listen(path, { on, after = "", state = () => {}, refused = () => {}, signal }) {
    let wait = FIRST_WAIT;
    while (!signal.aborted) {
      let asked = false; // whether the service itself said when to come back
      state("connecting");
      try {
        const watch = new Watch(signal);
        const query = after ? `${path.includes("?") ? "&" : "?"}after=${encodeURIComponent(after)}` : "";
        const response = await this.#reach("GET", path + query, undefined, watch.signal);
        state("open");
        for await (const event of serverSent(response.body, () => watch.heard())) {
          wait = FIRST_WAIT;
          if (event.name === "alive") {
            on.alive?.();
            continue;
          }
          if (event.id) after = event.id;
          on[event.name]?.(JSON.parse(event.data));
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && !error.passing) {
          refused(error);
          return;
        }
        asked = error instanceof ApiError && error.retryAfter > 0;
        if (asked) wait = Math.max(wait, error.retryAfter * 1000);
      }
      if (signal.aborted) return;
      state("lost");
      await this.#rested(wait * (0.75 + Math.random() / 2), signal, asked);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }

  /** Waits, but not longer than until the network is back or a call succeeds, unless the service asked for the wait. */
  #rested(milliseconds, signal, asked) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        removeEventListener("online", done);
        signal.removeEventListener("abort", done);
        this.waking.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      addEventListener("online", done);
      signal.addEventListener("abort", done);
      if (!asked) this.waking.add(done);
    });
  }

  async #reach(method, path, body, signal, again = true) {
    let response;
    let headers;
    try {
      headers = await this.headers();
      response = await fetch(new URL(path.replace(/^\//, ""), new URL(this.base, location.href)), {
        method,
        signal,
        cache: "no-store",
        headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw new ApiError(0, error.name === "TimeoutError" ? "No answer came in time." : "The service was not reached.");
    }
    if (response.ok) return response;
    if (response.status === 401 && again && (await this.renew(headers))) return this.#reach(method, path, body, signal, false);
    throw await refusal(response);
  }
}

async function refusal(response) {
  let said = {};
  try {
    said = (await response.json()).error ?? {};
  } catch {
    /* an error of something in between, such as a proxy */
  }
  const seconds = Number.parseFloat(response.headers.get("retry-after") ?? "");
  const message = said.message || `The service answered ${response.status}.`;
  return new ApiError(response.status, message, { code: said.code, retryAfter: seconds >= 0 ? seconds : null });
}

/** The events of a response body: {id, name, data}. `heard` is called for every piece, comments included. */
async function* serverSent(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let event = { id: "", name: "", data: [] };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      const lines = (text + value).split("\n");
      text = lines.pop();
      for (const line of lines.map((one) => one.replace(/\r$/, ""))) {
        if (line === "") {
          if (event.data.length) yield { ...event, data: event.data.join("\n") };
          event = { id: "", name: "", data: [] };
        } else if (line.startsWith(":")) yield { id: "", name: "alive", data: "" };
        else if (line.startsWith("id:")) event.id = line.slice(3).trim();
        else if (line.startsWith("event:")) event.name = line.slice(6).trim();
        else if (line.startsWith("data:")) event.data.push(line.slice(5).replace(/^ /, ""));
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Aborts a connection that has been silent for too long. */
class Watch {
  #abort = new AbortController();
  #timer = 0;

  constructor(outer) {
    this.signal = either(outer, this.#abort.signal);
    this.signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
    this.heard();
  }

  heard() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#abort.abort(), SILENT_SECONDS * 1000);
  }
}

function either(...signals) {
  return AbortSignal.any(signals.filter(Boolean));
}

/** A name for words or feedback that nobody else has: sent again under it, they count once. */
export function newName(kind) {
  const bytes = crypto.getRandomValues(new Uint8Array(15));
  return `${kind}_${btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")}`;
}
