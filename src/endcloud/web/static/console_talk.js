// One conversation as it happens, and, for the agent who has it, the place to speak. What is being typed is kept in
// this tab until it is sent, so that neither a reload nor a look at another conversation loses it.

import { newName } from "./api.js";
import { api, blank, element, moment, notice, sentence, sureness } from "./staff.js";

const NEAR = 120; // pixels from the end within which the view follows what is said

export class Talk {
  #leave = new AbortController();
  #turns = new Map(); // id → its element
  #open = null; // the reply that is being given: {id, element, text}
  #handoff = null;
  #suggested = "";
  #name = newName("a");
  #sending = false;
  #atEnd = true;

  constructor(talks, conversation) {
    const { t } = talks;
    Object.assign(this, { talks, t, conversation, me: talks.me });
    this.title = element("h2", { class: "talk-title" }, talks.name({ conversation, ...talks.row(conversation) }));
    this.stage = element("p", { class: "talk-stage soft small" });
    this.actions = element("div", { class: "talk-actions" });
    this.log = element("ol", { class: "log", role: "log", tabindex: "0", "aria-label": t("history"), "aria-busy": "true" });
    this.foot = element("footer", { class: "foot" });
    const back = element("a", { class: "button quiet back", href: "#talks" }, `‹ ${t("back")}`);
    this.root = element("article", { class: "talk" },
      element("header", { class: "talk-head" }, back, element("div", { class: "talk-names" }, this.title, this.stage), this.actions),
      this.log, this.foot);
    this.log.append(blank(t("loading")));
    this.log.addEventListener("scroll", () => (this.#atEnd = this.#following()));
    new ResizeObserver(() => this.#atEnd && this.#follow()).observe(this.log);
    this.#composer();
    this.#about();
    this.#handed(talks.row(conversation)?.handoff ?? null);
    api.listen(`/console/conversations/${encodeURIComponent(conversation)}/events`, {
      signal: this.#leave.signal,
      state: (state) => state === "open" && this.log.querySelector(":scope > .blank")?.remove(),
      on: {
        turn: (turn) => this.#said(turn),
        began: (began) => this.#began(began),
        piece: (piece) => this.#piece(piece),
        handoff: (handoff) => this.talks.handed(handoff),
      },
      refused: (error) => this.log.replaceChildren(blank(sentence(t, error))),
    });
  }

  close() {
    this.#leave.abort();
  }

  handed(handoff) {
    if (handoff.conversation === this.conversation) this.#handed(handoff);
  }

  async #about() {
    try {
      const known = await api.get(`/console/conversations/${encodeURIComponent(this.conversation)}`);
      if (known.customer) this.title.textContent = this.t("customer", { name: known.customer });
      if (known.handoff) this.#handed(known.handoff);
      this.feedback = known.feedback;
      for (const one of known.feedback) this.#marked(one);
    } catch (error) {
      if (error.status === 404) this.log.replaceChildren(blank(error.message));
    }
  }

  // -- what is said --------------------------------------------------------------------------------------------

  #said(turn) {
    const following = this.#following();
    if (this.#open?.id === turn.id) {
      this.#open.element.remove();
      this.#open = null;
    }
    if (!turn.text || this.#turns.has(turn.id)) return;
    const shown = this.#turn(turn);
    this.#turns.set(turn.id, shown);
    this.log.append(shown);
    for (const one of this.feedback ?? []) this.#marked(one);
    this.log.removeAttribute("aria-busy");
    if (following) this.#follow();
  }

  #began({ turn, route }) {
    if (this.#turns.has(turn)) return;
    this.#open?.element.remove();
    const text = element("p", { class: "words" });
    const shown = element("li", { class: `said ${route} open` },
      element("p", { class: "said-by" }, this.t(route), element("span", { class: "soft" }, this.t("typing"))), text);
    this.#open = { id: turn, element: shown, text };
    this.log.append(shown);
  }

  #piece({ turn, text }) {
    if (this.#open?.id !== turn) return;
    const following = this.#following();
    this.#open.text.append(text);
    if (following) this.#follow();
  }

  #turn(turn) {
    const who = turn.speaker === "customer" ? this.t("customerSays") : turn.speaker === "shop" ? this.t("shopSays")
      : turn.version === "lookup" ? this.t("lookup") : turn.speaker === "human" && turn.by ? turn.by : this.t(turn.speaker);
    const facts = [];
    if (turn.probability !== null) facts.push(sureness(this.t, turn.probability));
    if (turn.suggested) facts.push(this.t("edited"));
    const why = turn.finish === "content_filter" ? this.t("filtered") : turn.reason === "the reader left" ? this.t("cut") : "";
    return element("li", { class: `said ${turn.speaker}`, "data-turn": turn.id },
      element("p", { class: "said-by" }, who,
        element("time", { class: "soft", datetime: turn.at }, moment(turn.at)),
        facts.length ? element("span", { class: "soft", title: turn.suggested ? this.t("suggested", { text: turn.suggested }) : "" }, facts.join(" · ")) : null),
      element("p", { class: "words" }, turn.text),
      why ? element("p", { class: "said-why" }, why) : null,
      element("p", { class: "marks" }));
  }

  #marked({ turn, kind, value, text, id }) {
    const marks = this.#turns.get(turn)?.querySelector(".marks");
    if (!marks || marks.querySelector(`[data-id="${CSS.escape(id)}"]`)) return;
    const bad = (kind === "thumb" && value < 0) || ["complaint", "asked again", "asked for a person"].includes(kind) || (kind === "stars" && value < 3);
    const said = kind === "thumb" && value < 0 ? this.t("fbthumbdown") : this.t(`fb${kind}`, { value });
    marks.append(element("span", { class: `chip ${bad ? "bad" : "good"}`, "data-id": id, title: text }, said));
  }

  #following() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR;
  }

  #follow() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  // -- who has it ------------------------------------------------------------------------------------------------

  #handed(handoff) {
    this.#handoff = handoff?.stage === "closed" ? null : handoff;
    const now = this.#handoff;
    const mine = now?.stage === "claimed" && now.agent === this.me.name;
    const speaks = this.me.role !== "reviewer";
    this.stage.textContent = !now ? "" : now.stage === "waiting" ? `${this.t("waiting")} · ${this.talks.reason(now.reason)}`
      : `${this.t("with", { agent: now.agent })} · ${this.talks.reason(now.reason)}`;
    const button = (name, kind, act) => element("button", { class: `button ${kind}`, type: "button", onclick: (event) => this.#busy(event.currentTarget, act) }, this.t(name));
    this.actions.replaceChildren(...(!speaks ? []
      : mine ? [button("handBack", "", () => this.#handBack())]
      : now?.stage === "waiting" ? [button("claim", "primary", () => this.#claim("claim"))]
      : now ? [] : [button("stepIn", "", () => this.#claim("step-in"))]));
    this.form.hidden = !mine;
    this.notice.hidden = mine;
    this.notice.textContent = !speaks ? this.t("readOnly") : now?.stage === "claimed" ? this.t("withOther", { agent: now.agent }) : this.t("notYours");
  }

  async #busy(button, act) {
    button.disabled = true;
    try {
      await act();
    } finally {
      button.disabled = false;
    }
  }

  async #claim(how) {
    try {
      this.talks.handed(await api.post(this.#path(how)));
      this.words.focus();
    } catch (error) {
      if (error.status !== 409) return notice(sentence(this.t, error), "bad");
      await this.talks.refresh();
      const agent = this.talks.row(this.conversation)?.handoff?.agent;
      notice(agent ? this.t("taken", { agent }) : this.t("takenSomeone"), "warn");
      this.#handed(this.talks.row(this.conversation)?.handoff ?? null);
    }
  }

  async #handBack() {
    try {
      this.talks.handed(await api.post(this.#path("hand-back")));
      notice(this.t("handedBack"));
    } catch (error) {
      notice(sentence(this.t, error), "bad");
    }
  }

  // -- speaking --------------------------------------------------------------------------------------------------

  #composer() {
    const { t } = this;
    this.words = element("textarea", { rows: 3, maxlength: 4000, placeholder: t("words"), "aria-label": t("words"), "aria-describedby": "send-hint" });
    this.words.value = kept(this.conversation);
    this.words.addEventListener("input", () => keep(this.conversation, this.words.value));
    this.words.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.form.requestSubmit();
      }
    });
    this.draft = element("button", { class: "button", type: "button", onclick: () => this.#draft() }, t("draft"));
    this.drafted = element("p", { class: "drafted small", role: "status" });
    this.canned = element("select", { class: "canned", "aria-label": t("useCanned"), onchange: () => this.#insert() },
      element("option", { value: "" }, t("chooseCanned")));
    this.form = element("form", { class: "composer", hidden: true, onsubmit: (event) => this.#send(event) },
      element("div", { class: "tools" }, this.draft, this.canned),
      this.drafted, this.words,
      element("div", { class: "send-row" }, element("span", { class: "soft small", id: "send-hint" }, t("sendHint")),
        element("button", { class: "button primary", type: "submit" }, t("send"))));
    this.notice = element("p", { class: "foot-notice soft small" });
    this.foot.append(this.notice, this.form);
    if (this.me.role !== "reviewer") this.#cannedReplies();
  }

  async #cannedReplies() {
    try {
      const { replies } = await api.get("/console/canned");
      this.canned.append(...replies.map((reply) => element("option", { value: reply }, reply)));
      this.canned.hidden = replies.length === 0;
    } catch {
      this.canned.hidden = true;
    }
  }

  #insert() {
    const { value } = this.canned;
    if (!value) return;
    const { selectionStart: from, selectionEnd: to, value: words } = this.words;
    this.words.value = words.slice(0, from) + value + words.slice(to);
    keep(this.conversation, this.words.value);
    this.canned.value = "";
    this.words.focus();
  }

  async #draft() {
    this.draft.disabled = true;
    this.drafted.textContent = this.t("drafting");
    try {
      const { text } = await api.get(this.#path("draft"));
      this.drafted.textContent = text ? this.t("drafted") : this.t("noDraft");
      if (text) {
        this.#suggested = text;
        this.words.value = text;
        keep(this.conversation, text);
      }
    } catch (error) {
      this.drafted.textContent = sentence(this.t, error);
    } finally {
      this.draft.disabled = false;
      this.words.focus();
    }
  }

  async #send(event) {
    event.preventDefault();
    const text = this.words.value.trim();
    if (!text || this.#sending) return;
    this.#sending = true;
    try {
      // The name stays until it is acknowledged: sent again after a lost connection, the words are said once.
      this.#said(await api.post(this.#path("turns"), { id: this.#name, text, suggested: this.#suggested }));
      this.#name = newName("a");
      this.#suggested = "";
      this.words.value = this.drafted.textContent = "";
      keep(this.conversation, "");
      this.#follow();
    } catch (error) {
      notice(error.status === 409 ? sentence(this.t, error) : `${this.t("unsent")} ${sentence(this.t, error)}`, "bad");
    } finally {
      this.#sending = false;
      this.words.focus();
    }
  }

  #path(what) {
    return `/console/conversations/${encodeURIComponent(this.conversation)}/${what}`;
  }
}

function kept(conversation) {
  try {
    return sessionStorage.getItem(`endcloud:words:${conversation}`) ?? "";
  } catch {
    return "";
  }
}

function keep(conversation, words) {
  try {
    sessionStorage.setItem(`endcloud:words:${conversation}`, words);
  } catch {
    /* not kept */
  }
}
