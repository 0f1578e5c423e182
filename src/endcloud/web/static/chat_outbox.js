// Words on their way: kept in this browser until the service has them on disk, sent in order, sent again under the
// same name after every failure. Said twice they count once.

import { ApiError, newName } from "./api.js";
import { keep, kept } from "./i18n.js";

const FIRST_RETRY = 2_000;
const LONGEST_RETRY = 30_000;

export class Outbox {
  /** Each: {id, text, conversation, state: "sending" | "waiting" | "failed", until, error}. */
  items = [];
  #space = "";
  #sending = false;
  #timer = 0;
  #deliver;
  #changed;

  /** `deliver(item)` resolves to whether the item is there, or throws ApiError; `changed()` is told of every change. */
  constructor(deliver, changed) {
    this.#deliver = deliver;
    this.#changed = changed;
  }

  /** Takes up what is kept under `space`, with what was said meanwhile; "": nobody knows yet whose it is, and nothing
   *  is kept or sent. */
  open(space) {
    if (this.#space) this.items = []; // they stay kept for whose they are
    this.#space = space;
    if (!space) return;
    this.items.forEach((item) => this.#keep(item));
    this.items = this.#kept();
  }

  add(text, conversation) {
    const item = { id: newName("t"), text, conversation, state: "sending", tries: 0 };
    this.items.push(item);
    this.#keep(item);
    this.#changed();
    this.#flush();
  }

  /** Sends what waits without waiting longer. */
  sendNow() {
    clearTimeout(this.#timer);
    for (const item of this.items) if (item.state === "waiting") item.state = "sending";
    this.#changed();
    this.#flush();
  }

  remove(item) {
    this.items = this.items.filter((one) => one !== item);
    this.#keep(item, true);
    this.#changed();
  }

  /** What was meant for one conversation goes to another. */
  move(from, to) {
    for (const item of this.items.filter((one) => one.conversation === from)) {
      Object.assign(item, { conversation: to, state: "sending", error: null });
      this.#keep(item);
    }
  }

  clear() {
    for (const item of this.items) this.#keep(item, true);
    this.items = [];
  }

  async #flush() {
    if (this.#sending || !this.#space) return;
    this.#sending = true;
    try {
      while (this.items[0]?.state !== "waiting") { // in order: nothing overtakes what waits
        const item = this.items.find((one) => one.state === "sending");
        if (!item) break;
        await this.#send(item);
      }
    } finally {
      this.#sending = false;
    }
  }

  async #send(item) {
    try {
      if (await this.#deliver(item)) this.remove(item);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#failed(item, error);
    }
    this.#changed();
  }

  #failed(item, error) {
    item.error = error;
    item.state = error.passing || error.status === 401 ? "waiting" : "failed";
    item.until = null;
    if (!error.passing) return;
    const wait = error.retryAfter ? error.retryAfter * 1000 : Math.min(FIRST_RETRY * 2 ** item.tries, LONGEST_RETRY);
    item.tries += 1;
    item.until = Date.now() + wait;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.sendNow(), wait);
  }

  /** Each under a key of its own: two tabs do not overwrite each other's. */
  #keep({ id, text, conversation }, gone = false) {
    if (!this.#space) return; // kept as soon as it is known whose they are
    keep(`${this.#space}:unsent:${id}`, gone ? null : JSON.stringify({ id, text, conversation, at: Date.now() }));
  }

  #kept() {
    let found = [];
    try {
      const names = Object.keys(localStorage).filter((name) => name.startsWith(`${this.#space}:unsent:`));
      found = names.map((name) => JSON.parse(kept(name)));
    } catch {
      return this.items; // nothing can be kept here
    }
    const known = new Set(found.map((item) => item.id));
    const rest = this.items.filter((item) => !known.has(item.id));
    found.sort((one, other) => one.at - other.at);
    return [...found.map((item) => ({ ...item, state: "sending", tries: 0 })), ...rest];
  }
}
