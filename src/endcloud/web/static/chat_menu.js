// Behind the three dots: a new conversation, what the shop knows about me, language, appearance; and the sheet on
// which what is known is read and erased.

import words from "./chat_words.js";
import { element, icon } from "./dom.js";

export class Menu {
  constructor(chat) {
    this.chat = chat;
    this.button = element("button", { type: "button", class: "bare", "aria-expanded": false, onclick: () => this.toggle() }, icon("more"));
    this.list = element("div", { class: "menu", hidden: true });
    this.sheet = element("section", { class: "sheet", hidden: true, role: "dialog", "aria-modal": "true", tabindex: -1 });
  }

  get open() {
    return !this.list.hidden || !this.sheet.hidden;
  }

  /** Closes whatever is open here; true where something was. */
  close() {
    if (!this.open) return false;
    const sheet = !this.sheet.hidden;
    this.list.hidden = this.sheet.hidden = true;
    this.chat.behind(false);
    this.button.setAttribute("aria-expanded", "false");
    this.button.focus();
    return sheet || true;
  }

  toggle() {
    if (this.close()) return;
    this.#draw();
    this.list.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.list.querySelector("button").focus();
  }

  render() {
    const { t } = this.chat;
    this.button.setAttribute("aria-label", t("more"));
    this.button.title = t("more");
    if (!this.list.hidden) this.#draw();
  }

  #draw() {
    const { t, chat } = { t: this.chat.t, chat: this.chat };
    const item = (name, shape, act, aside = "") =>
      element("button", { type: "button", onclick: act }, shape ? icon(shape) : null, element("span", {}, name), aside ? element("small", {}, aside) : null);
    const next = { auto: "light", light: "dark", dark: "auto" }[chat.theme];
    const stay = (act) => () => (act(), this.#draw(), this.list.querySelectorAll("button")[0]?.focus());
    this.list.replaceChildren(
      item(t("newConversation"), "chat", () => (this.close(), chat.restart())),
      item(t("aboutMe"), "person", () => this.#about()),
      item(t("language"), null, stay(() => chat.speak(chat.language === "zh" ? "en" : "zh"))),
      item(t("theme"), null, stay(() => chat.dress(next)), t(`theme_${chat.theme}`)),
    );
  }

  // -- the sheet ---------------------------------------------------------------------------------------------

  async #about() {
    const { t, identity, conversation } = this.chat;
    this.list.hidden = true;
    this.#sheet(element("p", { class: "aside" }, "…"));
    if (!identity.customer) {
      const forget = () => (this.close(), conversation.forget(), identity.forget(), this.chat.restart());
      this.#sheet(element("p", {}, t("aboutMeGuest")), element("button", { type: "button", onclick: forget }, t("forget")));
      return;
    }
    try {
      this.#sheet(...this.#known(await conversation.api.get("v1/me")), this.#eraseRow());
    } catch (error) {
      this.#sheet(element("p", { role: "alert" }, t("aboutMeFailed", { reason: this.chat.reasonOf(error) })));
    }
  }

  #sheet(...content) {
    const { t } = this.chat;
    const back = element("button", { type: "button", class: "bare", "aria-label": t("back"), title: t("back"), onclick: () => this.close() }, icon("close"));
    const title = element("h3", { id: "sheet-title" }, t("aboutMeTitle"));
    this.sheet.setAttribute("aria-labelledby", "sheet-title");
    this.sheet.replaceChildren(element("header", {}, title, back), element("div", { class: "sheet-content" }, ...content));
    const first = this.sheet.hidden;
    this.sheet.hidden = false;
    this.chat.behind(true);
    if (first) this.sheet.focus();
  }

  /** What the service knows, as lists. */
  #known(me) {
    const { t, language } = this.chat;
    const facts = Object.entries(me.facts ?? {});
    const memories = me.memories ?? [];
    const day = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium" });
    const parts = [element("p", { class: "aside" }, t("aboutMeLocal"))];
    if (!facts.length && !memories.length) parts.push(element("p", {}, t("aboutMeNothing")));
    if (facts.length) {
      parts.push(element("h4", {}, t("facts")));
      parts.push(element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", { dir: "auto" }, written(value))])));
    }
    if (memories.length) {
      parts.push(element("h4", {}, t("memories")));
      parts.push(element("ul", {}, ...memories.map((memory) => this.#memory(memory, day))));
    }
    const talks = (me.conversations ?? []).filter((talk) => talk.turns.length).reverse();
    if (talks.length) parts.push(element("h4", {}, t("conversations")), ...talks.map((talk) => this.#talk(talk, day)));
    return parts;
  }

  #memory({ topic, text, at }, day) {
    const name = `topic_${topic.replaceAll(" ", "_")}`;
    const known = name in words.zh ? `${this.chat.t(name)}  ` : "";
    return element("li", { dir: "auto" }, element("span", {}, element("b", {}, known), text), element("small", {}, day.format(new Date(at))));
  }

  #talk({ turns }, day) {
    const { t } = this.chat;
    const names = { customer: "nameYou", end: "nameEnd", cloud: "nameCloud", shop: "nameShop" };
    const lines = turns.map(({ speaker, text, by }) => element("p", { dir: "auto" }, element("b", {}, names[speaker] ? t(names[speaker]) : by), `  ${text}`));
    return element("details", {}, element("summary", { dir: "auto" }, `${day.format(new Date(turns[0].at))}  ${turns[0].text.slice(0, 40)}`), ...lines);
  }

  #eraseRow() {
    const { t } = this.chat;
    const row = element("div", { class: "erase" });
    const ask = () => {
      const yes = element("button", { type: "button", class: "danger", onclick: () => this.#erase(row) }, t("eraseYes"));
      const no = element("button", { type: "button", onclick: first }, t("cancel"));
      row.replaceChildren(element("p", { role: "alert" }, t("eraseSure")), element("div", { class: "row" }, yes, no));
      no.focus();
    };
    const first = () => {
      const button = element("button", { type: "button", class: "danger", onclick: ask }, t("erase"));
      row.replaceChildren(button);
      if (row.isConnected) button.focus();
    };
    first();
    return row;
  }

  async #erase(row) {
    const { t, conversation } = this.chat;
    try {
      await conversation.api.delete("v1/me");
    } catch (error) {
      row.prepend(element("p", { role: "alert" }, this.chat.reasonOf(error)));
      return;
    }
    conversation.forget();
    this.chat.restart();
    this.chat.announce(t("erased"));
    this.#sheet(element("p", {}, icon("check"), t("erased")));
    this.sheet.focus();
  }
}

function written(value) {
  if (Array.isArray(value)) return value.map(written).join("；");
  if (value && typeof value === "object") return Object.entries(value).map(([name, one]) => `${name} ${written(one)}`).join("，");
  return String(value);
}
