// <endcloud-chat>: a button in the corner of a shop's page that opens the conversation with the shop's service.
//
// Attributes: `token` (a customer's, from the shop's system) or `token-url` (an address of the shop's site that
// answers with one), `lang` (zh, en), `theme` (light, dark), `name`, `questions` (separated by |), `open`.
// Properties: `tokenSource`, a function that resolves to a token. Methods: show(), hide(), ask(text).
// Events: `endcloud-open`, `endcloud-close`, `endcloud-token-expired`.

import { element, icon } from "./dom.js";
import { chooseLanguage, keep, kept, languageOf, preferredLanguage, translator } from "./i18n.js";
import { Composer } from "./chat_composer.js";
import { Conversation } from "./chat_conversation.js";
import { Header } from "./chat_header.js";
import { Hello } from "./chat_hello.js";
import { Identity, tokenFrom } from "./chat_identity.js";
import { Menu } from "./chat_menu.js";
import { Messages } from "./chat_messages.js";
import words from "./chat_words.js";

const BASE = new URL("../", import.meta.url).href;
const STORE = `endcloud:${BASE}`;
const PHONE = matchMedia("(max-width: 560px), (max-height: 480px)");
const REST = 60_000; // a hidden page lets go of its connection after this long, where nobody is expected

/** The looks, fetched once: as sheets they need no permission for inline styles from the shop's page. */
const looks = Promise.all(["chat.css", "theme.css"].map((name) => sheet(new URL(name, import.meta.url))));

async function sheet(url) {
  for (let wait = 1000; ; wait = Math.min(wait * 2, 30_000)) {
    try {
      const response = await fetch(url);
      if (response.ok) return new CSSStyleSheet().replace(await response.text());
    } catch {
      /* tried again */
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

class EndcloudChat extends HTMLElement {
  static observedAttributes = ["token", "token-url", "lang", "theme", "questions", "name", "open"];
  #built = false;
  #unread = 0;
  #restTimer = 0;
  #greetTimer = 0;

  // -- what a page can do with it ------------------------------------------------------------------------------

  show() {
    if (this.isOpen) return;
    if (PHONE.matches) this.panel.showModal();
    else this.panel.show();
    this.launcher.hidden = true;
    this.#unread = 0;
    this.conversation.listen();
    this.#greet();
    this.#render();
    this.messages.toEnd();
    this.composer.fit();
    this.composer.input.focus({ preventScroll: true });
    this.dispatchEvent(new CustomEvent("endcloud-open", { bubbles: true, composed: true }));
  }

  hide() {
    if (this.isOpen) this.panel.close();
  }

  /** Opens the chat and says something in the customer's name, such as a question about a product. */
  ask(text) {
    this.show();
    this.say(text);
  }

  /** A function that resolves to a customer's token, asked again when one has expired; null: anonymous. */
  set tokenSource(source) {
    this.identity.use(source);
    this.conversation.begin().then(() => this.composer.restore());
  }

  get isOpen() {
    return Boolean(this.panel?.open);
  }

  // -- what its parts ask of it --------------------------------------------------------------------------------

  t = translator(words, "zh");
  language = "zh";
  info = { name: "", questions: [], hours: "", open: true };

  get theme() {
    return this.getAttribute("theme") ?? "auto";
  }

  say(text) {
    this.messages.judging.fold();
    this.conversation.say(text);
    this.messages.toEnd();
  }

  askPerson() {
    this.say(this.t("personSaid"));
    this.composer.input.focus();
  }

  /** Puts this conversation away and begins another. */
  restart() {
    this.conversation.renew();
    this.composer.restore();
    if (this.isOpen && !this.menu.open) this.composer.input.focus();
  }

  speak(language) {
    chooseLanguage(language);
    this.setAttribute("lang", language);
  }

  dress(theme) {
    keep(`${STORE}:theme`, theme);
    if (theme === "auto") this.removeAttribute("theme");
    else this.setAttribute("theme", theme);
  }

  /** Says something to a screen reader. */
  announce(text) {
    this.live.textContent = "";
    this.live.textContent = text;
  }

  /** While a sheet lies over it, the conversation cannot be reached. */
  behind(covered) {
    for (const part of this.#body) part.inert = covered;
  }

  reasonOf(error) {
    if (error.status === 0) return this.t(navigator.onLine ? "lost" : "offline");
    if (error.status === 401) return this.t("expired");
    if (error.status === 429) return this.t("waitingBusy", { seconds: Math.ceil(error.retryAfter ?? 1) });
    return error.message;
  }

  // -- life ----------------------------------------------------------------------------------------------------

  disconnectedCallback() {
    this.conversation.rest();
  }

  async connectedCallback() {
    if (this.#built) return this.conversation.listen();
    this.#built = true;
    if (Object.hasOwn(this, "tokenSource")) {
      const source = this.tokenSource; // set by the page before this class was there
      delete this.tokenSource;
      this.tokenSource = source;
    }
    this.#chosen();
    const sheets = await looks;
    this.shadowRoot.adoptedStyleSheets = sheets;
    this.shadowRoot.append(...this.#frame());
    this.#render();
    this.#greet();
    if (this.hasAttribute("open")) this.show();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === "token") this.tokenSource = now ? async () => this.getAttribute("token") : null;
    else if (name === "token-url") this.tokenSource = now ? tokenFrom(new URL(now, document.baseURI)) : null;
    else if (name === "open" && this.panel) now === null ? this.hide() : this.show();
    else this.#chosen();
  }

  constructor() {
    super();
    this.attachShadow({ mode: "open", delegatesFocus: false });
    this.identity = new Identity(BASE, STORE);
    this.conversation = new Conversation(this.identity);
    this.messages = new Messages(this);
    this.composer = new Composer(this);
    this.menu = new Menu(this);
    this.header = new Header(this);
    this.hello = new Hello(this, this.messages.hello);
    this.#hear();
    this.conversation.begin().then(() => this.composer.restore());
  }

  #hear() {
    const hear = (name, act) => this.conversation.addEventListener(name, act);
    hear("change", () => this.#render());
    hear("piece", ({ detail }) => this.messages.piece(detail.turn, detail.text));
    hear("reset", () => (this.messages.reset(), this.#render()));
    hear("said", ({ detail }) => this.#said(detail.turn));
    hear("handoff", ({ detail }) => this.announce(this.noticeOf(detail.turn)));
    hear("expired", () => this.dispatchEvent(new CustomEvent("endcloud-token-expired", { bubbles: true, composed: true })));
    addEventListener("offline", () => this.#render());
    addEventListener("online", () => this.#render());
    document.addEventListener("visibilitychange", () => this.#seen());
  }

  async #greet() {
    try {
      this.info = { ...this.info, ...(await this.identity.open.get("v1/shop")) };
    } catch {
      clearTimeout(this.#greetTimer);
      this.#greetTimer = setTimeout(() => this.#greet(), 10_000);
    }
    this.#render();
  }

  /** Takes language and theme from the attributes, else what was chosen here before. */
  #chosen() {
    this.language = this.hasAttribute("lang") ? languageOf(this.getAttribute("lang")) : preferredLanguage();
    this.t = translator(words, this.language);
    const theme = this.getAttribute("theme") ?? kept(`${STORE}:theme`) ?? "auto";
    if (["light", "dark"].includes(theme)) this.dataset.theme = theme;
    else delete this.dataset.theme;
    this.#render();
  }

  #said(turn) {
    const name = turn.speaker === "human" ? turn.by : this.t({ end: "nameEnd", cloud: "nameCloud", shop: "nameShop" }[turn.speaker]);
    this.announce(this.t("unreadFrom", { name, text: turn.text }));
    if (!this.isOpen) this.#unread += 1;
    this.#render();
  }

  /** What happened to the conversation, in words. */
  noticeOf({ stage, by }) {
    return stage === "claimed" ? this.t("personComes", { name: by }) : this.t("personLeaves");
  }

  /** A page that nobody looks at gives its connection back, unless a person may speak. */
  #seen() {
    clearTimeout(this.#restTimer);
    if (!document.hidden) return this.conversation.listen();
    this.#restTimer = setTimeout(() => {
      const expected = ["waiting", "claimed"].includes(this.conversation.handoff?.stage) || this.conversation.outbox.items.length;
      if (document.hidden && !expected) this.conversation.rest();
    }, REST);
  }

  // -- looks ---------------------------------------------------------------------------------------------------

  #body = [];

  #frame() {
    this.badge = element("span", { class: "badge", hidden: true });
    this.launcher = element("button", { type: "button", class: "launcher", part: "launcher", onclick: () => this.show() }, icon("chat"), this.badge);
    this.live = element("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });
    const talk = element("div", { class: "talk" }, this.messages.log, this.messages.newest);
    this.#body = [this.header.bar, this.header.banner, talk, this.composer.root];
    this.panel = element("dialog", { class: "panel", part: "panel", dir: "ltr", "aria-labelledby": "title" }, ...this.#body, this.menu.sheet);
    this.panel.addEventListener("close", () => this.#closed());
    this.panel.addEventListener("cancel", (event) => this.menu.close() && event.preventDefault());
    this.panel.addEventListener("keydown", (event) => this.#key(event));
    this.panel.addEventListener("click", (event) => this.#away(event));
    PHONE.addEventListener("change", () => this.#refit());
    visualViewport?.addEventListener("resize", () => this.#fit());
    return [this.launcher, this.panel, this.live];
  }

  #closed() {
    if (this.isOpen) return; // opened again at once, in its other form
    this.launcher.hidden = false;
    this.#render();
    this.launcher.focus({ preventScroll: true });
    this.dispatchEvent(new CustomEvent("endcloud-close", { bubbles: true, composed: true }));
  }

  #key(event) {
    if (event.key !== "Escape" || event.isComposing) return;
    event.stopPropagation();
    event.preventDefault();
    if (!this.menu.close()) this.hide();
  }

  #away(event) {
    const path = event.composedPath();
    if (!this.menu.list.hidden && !path.includes(this.menu.list) && !path.includes(this.menu.button)) this.menu.close();
  }

  /** From floating to full screen or back, as when a tablet is turned. */
  #refit() {
    if (!this.isOpen) return;
    this.panel.close();
    queueMicrotask(() => this.show());
  }

  /** On a phone the keyboard covers half of the page: the panel takes what is left. */
  #fit() {
    this.panel.style.setProperty("--seen", `${visualViewport.height}px`);
    this.panel.style.setProperty("--seen-from", `${visualViewport.offsetTop}px`);
    this.messages.toEnd();
  }

  #render() {
    if (!this.panel) return;
    const { t } = this;
    this.panel.lang = this.launcher.lang = this.language === "zh" ? "zh-CN" : "en";
    const shop = this.getAttribute("name") ?? this.info.name;
    this.launcher.setAttribute("aria-label", this.#unread ? t("openUnread", { count: this.#unread }) : t("open"));
    this.badge.textContent = String(this.#unread);
    this.badge.hidden = !this.#unread;
    this.header.render(shop);
    this.hello.render(shop);
    this.messages.render();
    this.composer.render();
    this.menu.render();
  }
}

if (!customElements.get("endcloud-chat")) customElements.define("endcloud-chat", EndcloudChat);
