// What was said, drawn: bubbles with their speaker, what is still unsent, and the sign that an answer is being made.
// Texts go in as text; a link in them stays text.

import { Judging } from "./chat_judging.js";
import { element, icon } from "./dom.js";

const VISIBLE = 80; // older messages come by a button
const LONG = 700; // characters after which a customer's own text is folded
const SLOW = 12_000;
const TOO_SLOW = 45_000;
const ICONS = { end: "end", cloud: "cloud", human: "person", shop: "shop", customer: "person" };

export class Messages {
  #parts = new Map();
  #visible = VISIBLE;
  #waitingSince = null;
  #sticky = true;

  /** `chat` has `t`, `conversation`, `identity`, `info` and `say(text)`. */
  constructor(chat) {
    this.chat = chat;
    this.judging = new Judging(chat, this);
    this.list = element("ol", { class: "messages" });
    this.unsent = element("ol", { class: "messages unsent" });
    this.typing = element("div", { class: "typing", hidden: true });
    this.earlier = element("button", { type: "button", class: "plain earlier", hidden: true, onclick: () => this.#more() });
    this.hello = element("div", { class: "hello" });
    this.content = element("div", { class: "log-content" });
    this.content.append(this.earlier, this.hello, this.list, this.typing, this.unsent);
    this.log = element("div", { class: "log", role: "log", "aria-live": "off", tabindex: 0 }, this.content);
    this.newest = element("button", { type: "button", class: "newest", hidden: true, onclick: () => this.#toEnd(true) });
    this.log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#follow()).observe(this.content);
    new ResizeObserver(() => this.#follow()).observe(this.log);
    setInterval(() => this.#tick(), 1000);
  }

  /** Begins anew: another conversation, another language. */
  reset() {
    this.#parts.clear();
    this.list.replaceChildren();
    this.unsent.replaceChildren();
    this.#visible = VISIBLE;
    this.#sticky = true;
    this.#waitingSince = null;
  }

  render() {
    const { t, conversation } = this.chat;
    this.log.setAttribute("aria-label", t("log"));
    this.earlier.textContent = t("earlier");
    this.newest.replaceChildren(icon("later"), t("newest"));
    const all = [...conversation.turns.values()];
    const turns = all.slice(-this.#visible);
    this.earlier.hidden = turns.length === all.length;
    this.#drop(new Set(turns.map((turn) => turn.id)));
    turns.forEach((turn, at) => this.#place(turn, turns[at - 1], at));
    this.#drawUnsent();
    this.#tick();
  }

  piece(turn, text) {
    const part = this.#parts.get(turn.id);
    if (!part) return this.render();
    part.text.append(text);
  }

  // -- one message -------------------------------------------------------------------------------------------

  #place(turn, before, at) {
    const part = this.#parts.get(turn.id) ?? this.#begin(turn);
    const first = !before || before.speaker !== turn.speaker || before.by !== turn.by;
    const shown = [this.chat.language, turn.text.length, turn.streaming, turn.cut, turn.finish, turn.speaker, turn.by, first, part.unfolded];
    if (part.shown !== String(shown)) {
      part.shown = String(shown);
      this.#draw(part, turn, first);
    }
    this.judging.draw(part, turn);
    if (this.list.children[at] !== part.item) this.list.insertBefore(part.item, this.list.children[at] ?? null);
  }

  #begin(turn) {
    const part = { item: element("li"), head: element("div", { class: "who" }), text: element("div", { class: "text" }) };
    part.bubble = element("div", { class: "bubble" }, part.text);
    part.after = element("div", { class: "after" });
    part.foot = element("div", { class: "judging" });
    part.item.append(part.head, part.bubble, part.after, part.foot);
    this.#parts.set(turn.id, part);
    return part;
  }

  #draw(part, turn, first) {
    const { t } = this.chat;
    part.item.className = `message ${turn.speaker}${turn.streaming ? " streaming" : ""}${first ? " first" : ""}`;
    part.item.setAttribute("aria-busy", String(Boolean(turn.streaming)));
    if (turn.speaker === "notice") return part.item.replaceChildren(element("p", {}, this.chat.noticeOf(turn)));
    const who = element("span", { class: "name" }, icon(turn.looked_up ? "shop" : ICONS[turn.speaker]), this.#name(turn));
    part.head.replaceChildren(who, ...(turn.at && first ? [clock(turn.at, this.chat.language)] : []));
    part.head.classList.toggle("hidden", !first);
    part.text.dir = "auto";
    part.text.textContent = turn.text;
    const long = turn.speaker === "customer" && turn.text.length > LONG;
    part.text.classList.toggle("folded", long && !part.unfolded);
    part.after.replaceChildren();
    if (long) part.after.append(this.#fold(part));
    if (turn.cut) part.after.append(element("p", { class: "aside" }, icon("warning"), t("cut")));
    if (turn.finish === "content_filter") part.after.append(element("p", { class: "aside" }, t("withheld")));
  }

  #name(turn) {
    const { t } = this.chat;
    if (turn.speaker === "customer") return t("nameYou");
    if (turn.speaker === "human") return t("nameHuman", { name: turn.by });
    if (turn.looked_up) return t("nameLookup");
    return t({ end: "nameEnd", cloud: "nameCloud", shop: "nameShop" }[turn.speaker]);
  }

  #fold(part) {
    const { t } = this.chat;
    const turn = () => {
      part.unfolded = !part.unfolded;
      this.render();
    };
    const label = t(part.unfolded ? "showLess" : "showAll");
    return element("button", { type: "button", class: "plain", "aria-expanded": Boolean(part.unfolded), onclick: turn }, label);
  }

  #drop(staying) {
    for (const [id, part] of this.#parts) {
      if (staying.has(id)) continue;
      part.item.remove();
      this.#parts.delete(id);
    }
  }

  // -- unsent, typing ----------------------------------------------------------------------------------------

  #drawUnsent() {
    this.unsent.replaceChildren(...this.chat.conversation.unsent.map((item) => this.#unsentItem(item)));
  }

  #unsentItem(item) {
    const { t, conversation } = this.chat;
    const text = element("div", { class: "text", dir: "auto" }, item.text);
    if (item.text.length > LONG) text.classList.add("folded");
    const foot = element("div", { class: "after" });
    const row = element("p", { class: "aside" }, item.state === "sending" ? null : icon("warning"), this.#why(item));
    foot.append(row);
    if (item.state === "waiting") {
      row.append(element("button", { type: "button", class: "plain", onclick: () => conversation.sendNow() }, t("sendNow")));
    }
    if (item.state !== "sending") {
      row.append(element("button", { type: "button", class: "plain", onclick: () => conversation.outbox.remove(item) }, t("dropIt")));
    }
    return element("li", { class: `message customer ${item.state}` }, element("div", { class: "bubble" }, text), foot);
  }

  #why(item) {
    const { t } = this.chat;
    if (item.state === "sending") return t("sending");
    if (item.state === "failed") return `${t("notSent")}: ${item.error.message}`;
    const seconds = Math.max(0, Math.ceil(((item.until ?? 0) - Date.now()) / 1000));
    if (item.error?.status === 401) return t("expired");
    if (!navigator.onLine) return t("waitingNetwork");
    return t(item.error?.status === 429 ? "waitingBusy" : "waitingServer", { seconds });
  }

  /** Once a second: count down, and say that it takes long. */
  #tick() {
    const { conversation } = this.chat;
    if (conversation.outbox.items.some((item) => item.state === "waiting")) this.#drawUnsent();
    const speaking = [...conversation.turns.values()].some((turn) => turn.streaming);
    const waits = speaking || conversation.connection === "lost" ? undefined : conversation.unanswered(this.chat.info.open)[0];
    if (!waits) this.#waitingSince = null;
    else this.#waitingSince ??= Date.now();
    this.#drawTyping(waits, waits ? Date.now() - this.#waitingSince : 0);
  }

  #drawTyping(turn, waited) {
    const { t } = this.chat;
    const stage = turn ? (waited > TOO_SLOW ? "thinkingTooLong" : waited > SLOW ? "thinkingLong" : "thinking") : "";
    if (this.typing.dataset.stage === stage + this.chat.language) return;
    this.typing.dataset.stage = stage + this.chat.language;
    this.typing.hidden = !stage;
    if (!stage) return;
    const dots = element("span", { class: "dots", "aria-hidden": "true" }, element("i"), element("i"), element("i"));
    this.typing.replaceChildren(dots, element("span", { class: stage === "thinking" ? "visually-hidden" : "" }, t(stage)));
    if (stage !== "thinkingTooLong") return;
    const again = () => ((this.#waitingSince = Date.now()), this.chat.conversation.askAgain(turn));
    this.typing.append(
      element("button", { type: "button", class: "small", onclick: again }, icon("again"), t("askAgain")),
      element("button", { type: "button", class: "small", onclick: () => this.chat.askPerson() }, icon("person"), t("person")),
    );
  }

  // -- where it is scrolled to -------------------------------------------------------------------------------

  #scrolled() {
    const left = this.log.scrollHeight - this.log.clientHeight - this.log.scrollTop;
    this.#sticky = left < 48;
    this.newest.hidden = left < 240;
  }

  #follow() {
    if (this.#sticky) this.#toEnd();
    else this.#scrolled();
  }

  #toEnd(chosen = false) {
    if (chosen) this.#sticky = true;
    this.log.scrollTop = this.log.scrollHeight;
  }

  /** Goes to the end, as when the customer has said something. */
  toEnd() {
    this.#toEnd(true);
  }

  #more() {
    const before = this.log.scrollHeight - this.log.scrollTop;
    this.#sticky = false;
    this.#visible += VISIBLE;
    this.render();
    this.log.scrollTop = this.log.scrollHeight - before;
  }
}

function clock(at, language) {
  const moment = new Date(at);
  const today = moment.toDateString() === new Date().toDateString();
  const day = today ? {} : { month: "numeric", day: "numeric" };
  const text = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", { ...day, hour: "2-digit", minute: "2-digit" });
  return element("time", { datetime: moment.toISOString() }, text.format(moment));
}
