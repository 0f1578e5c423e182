// Where a customer writes: grows with the text, keeps what is unsent over a reload, sends with Enter, and never while
// an input method is still composing (the Enter that picks a Chinese word is not meant for us).

import { element, icon } from "./dom.js";

const MOST = 4000; // characters, as the service takes them
const WARN = 300;

export class Composer {
  constructor(chat) {
    this.chat = chat;
    this.input = element("textarea", { rows: 1, maxlength: MOST, enterkeyhint: "send", autocomplete: "off", dir: "auto" });
    this.button = element("button", { class: "send", type: "submit" }, icon("send"));
    this.left = element("span", { class: "left", hidden: true });
    this.note = element("span", { class: "disclosure" });
    this.person = element("button", { type: "button", class: "plain person", onclick: () => chat.askPerson() });
    const box = element("div", { class: "box" }, this.input, this.button);
    const foot = element("div", { class: "foot" }, this.note, this.left, this.person);
    this.root = element("form", { class: "composer", onsubmit: (event) => (event.preventDefault(), this.#send()) }, box, foot);
    this.input.addEventListener("input", () => this.#changed());
    this.input.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Puts in what was being written in this conversation before. */
  restore() {
    this.input.value = this.chat.conversation.draft;
    this.fit();
  }

  render() {
    const { t, conversation } = this.chat;
    this.input.setAttribute("aria-label", t("ask"));
    this.input.placeholder = t("askHint");
    this.button.setAttribute("aria-label", t("send"));
    this.button.title = t("send");
    this.note.textContent = t("disclosure");
    this.person.replaceChildren(icon("person"), t("person"));
    this.person.hidden = ["waiting", "claimed"].includes(conversation.handoff?.stage);
    this.#count();
  }

  #changed() {
    this.chat.conversation.draft = this.input.value;
    this.fit();
  }

  /** As high as the text needs; while nothing is shown nothing can be measured. */
  fit() {
    this.input.style.height = "auto";
    if (this.input.scrollHeight) this.input.style.height = `${Math.min(this.input.scrollHeight, 160)}px`;
    this.#count();
  }

  #count() {
    const left = MOST - this.input.value.length;
    this.left.hidden = left > WARN;
    this.note.hidden = left <= WARN || this.chat.conversation.withPerson;
    this.left.textContent = left > WARN ? "" : this.chat.t("left", { count: left });
    this.button.disabled = !this.input.value.trim();
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = this.input.value.trim();
    if (!text) return;
    this.chat.say(text);
    this.input.value = "";
    this.fit();
    this.input.focus();
  }
}
