// What a new conversation begins with: a greeting, what answers here, and questions to choose from.

import { element, icon } from "./dom.js";

export class Hello {
  constructor(chat, place) {
    this.chat = chat;
    this.element = place;
  }

  render(shop) {
    const { chat, element: hello } = this;
    const { t, conversation, info } = chat;
    const fresh = !conversation.turns.size && !conversation.unsent.length;
    const own = chat.getAttribute("questions")?.split("|").map((one) => one.trim()).filter(Boolean);
    const questions = own ?? info.questions;
    const shown = JSON.stringify([fresh, conversation.loading, conversation.previous, shop, questions, chat.language]);
    if (hello.dataset.shown === shown) return;
    hello.dataset.shown = shown;
    hello.replaceChildren();
    if (conversation.loading) hello.append(element("p", { class: "notice" }, t("loading")));
    if (!fresh || conversation.loading) return;
    hello.append(element("h3", {}, shop ? t("helloOf", { shop }) : t("hello")), element("p", {}, t("helloMore")));
    if (conversation.previous) {
      const back = () => (conversation.goBack(), chat.composer.input.focus());
      hello.append(element("button", { type: "button", class: "small", onclick: back }, icon("again"), t("goBack")));
    }
    if (!questions.length) return;
    const chip = (text) => element("button", { type: "button", class: "chip", dir: "auto", onclick: () => (chat.say(text), chat.composer.input.focus()) }, text);
    hello.append(element("p", { class: "label", id: "questions" }, t("questions")));
    hello.append(element("div", { class: "chips", role: "group", "aria-labelledby": "questions" }, ...questions.map(chip)));
  }
}
