// One customer's conversation: what was said, what is still to be sent, who speaks. No element is touched here.
//
// What the service says comes by events, after the last one that was seen; what the customer says goes by the outbox.

import { Api, ApiError, newName } from "./api.js";
import { Outbox } from "./chat_outbox.js";
import { unanswered } from "./chat_unanswered.js";
import { keep, kept } from "./i18n.js";

const FIRST_RETRY = 2_000;
const LONGEST_RETRY = 30_000;
const PATIENCE = 2_000; // how long after a break the answer may stay away before the question is asked again

/** Tells "change" (detail: {turn} or {}), "piece" ({turn, text}), "said" ({turn}: whole and new), "handoff", "reset". */
export class Conversation extends EventTarget {
  turns = new Map();
  handoff = null;
  connection = "idle";
  problem = null;
  ratings = {};
  #space = "";
  #listening = null;
  #broken = false;
  #moved = false; // to another conversation, which was not yet let in
  #caughtUp = false;
  #beginning = null;

  constructor(identity) {
    super();
    this.identity = identity;
    this.api = new Api({
      base: identity.base,
      headers: async () => ({ authorization: `Bearer ${await identity.token()}` }),
      renew: ({ authorization }) => identity.renew(authorization.slice("Bearer ".length)),
    });
    this.id = "";
    this.outbox = new Outbox((item) => this.#deliver(item), () => this.#tell());
    addEventListener("online", () => this.sendNow());
    addEventListener("offline", () => this.#tell());
  }

  // -- which conversation ------------------------------------------------------------------------------------

  /** Takes up what this browser keeps of the present person. Until it is known who that is, nothing is sent. */
  async begin() {
    this.#leave();
    if (this.#space) this.id = "";
    this.ratings = {};
    this.#space = "";
    this.outbox.open("");
    this.#clear();
    const beginning = (this.#beginning = {});
    const name = await this.#whoever(beginning);
    if (beginning !== this.#beginning || !name) return;
    this.#space = `${this.identity.store}:${name}`;
    this.id ||= kept(`${this.#space}:conversation`) ?? "";
    if (this.id) keep(`${this.#space}:conversation`, this.id); // words were said meanwhile
    this.outbox.open(this.#space);
    this.#clear();
    this.#broken = Boolean(this.id); // what came to nothing while the page was away is asked for again
    if (this.id) this.listen();
    this.sendNow();
  }

  async #whoever(beginning) {
    for (let wait = FIRST_RETRY; beginning === this.#beginning; wait = Math.min(wait * 2, LONGEST_RETRY)) {
      try {
        return await this.identity.name();
      } catch (error) {
        if (!(error instanceof ApiError) || !error.passing) {
          this.#expire();
          return "";
        }
        this.#connected("lost");
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
    return "";
  }

  #expire() {
    this.problem = "expired";
    this.dispatchEvent(new CustomEvent("expired"));
    this.#tell();
  }

  /** Puts the present conversation away; the next words begin another. What is unsent still goes where it belongs. */
  renew() {
    this.#leave();
    keep(`${this.#space}:previous`, this.id || this.previous || null);
    this.id = "";
    for (const name of ["conversation", "draft"]) keep(`${this.#space}:${name}`, null);
    this.#clear();
  }

  /** The conversation that was put away last. */
  get previous() { return this.#space && !this.id ? kept(`${this.#space}:previous`) : null; }

  goBack() {
    this.id = this.previous;
    keep(`${this.#space}:conversation`, this.id);
    keep(`${this.#space}:previous`, null);
    this.#clear();
    this.listen();
  }

  /** Lets go of all that this browser keeps of the present person: after it was erased at the shop, too. */
  forget() {
    this.renew();
    this.outbox.clear();
    this.ratings = {};
    keep(`${this.#space}:previous`, null);
    this.#clear();
  }

  /** Words of this conversation that the service does not have yet. */
  get unsent() { return this.outbox.items.filter((item) => item.conversation === this.id); }

  get draft() { return kept(`${this.#space}:draft`) ?? ""; }

  set draft(text) { if (this.#space) keep(`${this.#space}:draft`, text || null); }

  // -- what is shown -----------------------------------------------------------------------------------------

  /** What somebody said, without this page's own notices. */
  get spoken() { return [...this.turns.values()].filter((turn) => turn.speaker !== "notice"); }

  get withPerson() { return this.handoff?.stage === "claimed"; }

  /** The customer's words that an answer is still to come to, oldest first. */
  unanswered(officeOpen) {
    if (this.withPerson || (this.handoff?.stage === "waiting" && officeOpen)) return [];
    return unanswered(this.spoken);
  }

  // -- saying ------------------------------------------------------------------------------------------------

  say(text) {
    if (!this.id) {
      this.id = newName("c");
      if (this.#space) keep(`${this.#space}:conversation`, this.id);
    }
    this.draft = "";
    this.listen();
    this.outbox.add(text, this.id);
  }

  /** Sends what waits without waiting longer. */
  sendNow() {
    this.outbox.sendNow();
  }

  /** Asks for an answer that never came; one that came after all is not given twice. */
  async askAgain(turn) {
    this.#broken = false;
    try {
      await this.api.post(`v1/conversations/${this.id}/turns`, { id: turn.id, text: turn.text });
    } catch (error) {
      this.#broken = error instanceof ApiError && error.passing;
    }
  }

  /** Brings words to the service; false where they are to go somewhere else. Throws ApiError. */
  async #deliver(item) {
    const to = item.conversation;
    try {
      await this.api.post(`v1/conversations/${to}/turns`, { id: item.id, text: item.text });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.#expire();
      const foreign = error instanceof ApiError && error.status === 403;
      if (foreign && to !== item.conversation) return false; // it went on elsewhere meanwhile
      if (foreign && to === this.id && this.#elsewhere()) return false;
      throw error;
    }
    this.problem = null;
    this.#moved = false;
    if (item.conversation === this.id && !this.turns.has(item.id)) {
      this.turns.set(item.id, { id: item.id, speaker: "customer", text: item.text, at: new Date().toISOString() });
    }
    return true;
  }

  /** The conversation belongs to somebody else (another login, an older visitor): goes on in one of our own.
   *  False where that one is refused, too: then it is not the conversation, and asking on would never end. */
  #elsewhere() {
    if (this.#moved) return false;
    this.#moved = true;
    this.#leave();
    const before = this.id;
    this.id = newName("c");
    keep(`${this.#space}:conversation`, this.id);
    this.outbox.move(before, this.id);
    this.#clear();
    this.listen();
    return true;
  }

  // -- hearing -----------------------------------------------------------------------------------------------

  listen() {
    if (this.#listening || !this.id || !this.#space) return;
    const leaving = new AbortController();
    this.#listening = leaving;
    const on = (heard) => (event) => this.#listening === leaving && heard(event);
    this.api.listen(`v1/conversations/${this.id}/events`, {
      signal: leaving.signal,
      after: [...this.turns.values()].filter((turn) => turn.whole).at(-1)?.id ?? "",
      on: {
        began: on((event) => this.#began(event)),
        piece: on((event) => this.#piece(event)),
        turn: on((event) => this.#said(event)),
        handoff: on((event) => this.#called(event)),
        ratings: on((event) => Object.assign(this.ratings, event)),
        alive: on(() => this.#caught()),
      },
      state: on((state) => this.#connected(state)),
      refused: on((error) => this.#refused(error)),
    });
  }

  /** Stops listening until `listen` is called: a page that nobody looks at holds no connection. */
  rest() {
    this.#leave();
    this.#connected("idle");
  }

  #leave() {
    this.#listening?.abort();
    this.#listening = null;
  }

  #connected(state) {
    if (state === "lost") {
      this.#broken = true;
      for (const turn of this.turns.values()) if (turn.streaming) Object.assign(turn, { streaming: false, cut: true });
    }
    if (state === "open") {
      this.#moved = false;
      this.problem = this.problem === "expired" ? null : this.problem;
      if (this.#broken) setTimeout(() => this.#mend(), PATIENCE);
      if (this.outbox.items.some((item) => item.state === "waiting")) this.sendNow();
    }
    this.connection = state;
    this.#tell();
  }

  /** All that was missed has been told: what comes now is new. */
  #caught() {
    if (this.#caughtUp) return;
    this.#caughtUp = true;
    this.#tell();
  }

  /** After a break: the service may have been killed between hearing the words and answering them. */
  async #mend() {
    const turns = this.#broken && this.connection === "open" ? this.unanswered(true) : [];
    this.#broken = false;
    for (const turn of turns) await this.askAgain(turn);
  }

  #refused(error) {
    this.#listening = null;
    if (error.status === 403 && this.#elsewhere()) {
      this.sendNow();
    } else {
      this.problem = error.message;
      if (error.status === 401) this.#expire();
      this.#connected("idle");
    }
  }

  #began({ turn, route }) {
    const known = this.turns.get(turn);
    if (known?.whole) return;
    this.turns.set(turn, { ...known, id: turn, speaker: route, route, text: "", streaming: true, cut: false });
    this.#tell({ turn });
  }

  #piece({ turn, text }) {
    const known = this.turns.get(turn);
    if (!known || known.whole) return;
    known.text += text;
    this.dispatchEvent(new CustomEvent("piece", { detail: { turn: known, text } }));
  }

  #said(turn) {
    const known = this.turns.get(turn.id);
    if (known?.whole) return;
    if (!turn.text) this.turns.delete(turn.id); // withheld before a word was shown
    else this.turns.set(turn.id, { ...turn, whole: true });
    const mine = this.outbox.items.find((item) => item.id === turn.id);
    if (mine) this.outbox.remove(mine);
    this.#tell({ turn: turn.id });
    if (turn.speaker !== "customer" && turn.text && this.#caughtUp) {
      this.dispatchEvent(new CustomEvent("said", { detail: { turn } }));
    }
  }

  #called(handoff) {
    const before = this.handoff;
    this.handoff = handoff;
    if (before?.stage === handoff.stage && before?.agent === handoff.agent) return;
    if (this.#caughtUp && handoff.stage !== "waiting" && (before || handoff.stage === "claimed")) {
      const id = newName("n"); // stands where it happened, on this page only
      this.turns.set(id, { id, speaker: "notice", text: "", stage: handoff.stage, by: handoff.agent });
      this.dispatchEvent(new CustomEvent("handoff", { detail: { turn: this.turns.get(id) } }));
    }
    this.#tell();
  }

  // -- judging -----------------------------------------------------------------------------------------------

  /** A thumb: 1 or -1. Throws ApiError. */
  async rate(turn, value) {
    await this.api.post("v1/feedback", { id: newName("f"), turn: turn.id, kind: "thumb", value });
    this.ratings[turn.id] = value;
  }

  stars(turn, value) {
    return this.api.post("v1/feedback", { id: newName("f"), turn: turn.id, kind: "stars", value });
  }

  comment(turn, name, text) {
    return this.api.post("v1/feedback", { id: name, turn: turn.id, kind: "note", text });
  }

  /** The cloud's answer to the same question; it comes by the events. Throws ApiError where there is none. */
  secondAnswer(turn) {
    return this.api.post(`v1/turns/${turn.id}/second-answer`);
  }

  // -- within ------------------------------------------------------------------------------------------------

  #clear() {
    this.turns = new Map();
    this.handoff = null;
    this.problem = null;
    this.connection = "idle";
    this.#caughtUp = !this.id;
    this.#broken = false;
    this.dispatchEvent(new CustomEvent("reset"));
  }

  get loading() { return Boolean(this.id) && !this.#caughtUp && !this.turns.size && this.connection !== "lost"; }

  #tell(detail = {}) {
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }
}
