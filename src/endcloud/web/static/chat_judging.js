// What a customer can do with a reply: a thumb, a comment, and where it was no help the cloud's answer or a person.
// Only who is logged in at the shop may judge; an anonymous visitor sees none of it.

import { newName } from "./api.js";
import { element, icon } from "./dom.js";

export class Judging {
  #feedback = new Map(); // by turn: {open, words, commented, second, error}

  constructor(chat, messages) {
    this.chat = chat;
    this.messages = messages;
  }

  /** Puts away what was offered beside earlier replies, where nothing is being written there. */
  fold() {
    for (const state of this.#feedback.values()) if (!state.words || state.commented) state.open = false;
  }

  /** Draws what goes below a reply, where that has changed. */
  draw(part, turn) {
    const { conversation, identity } = this.chat;
    const may = identity.customer && turn.whole && ["end", "cloud", "human"].includes(turn.speaker);
    const state = this.#feedback.get(turn.id) ?? {};
    const shown = may ? JSON.stringify([conversation.ratings[turn.id], state, this.chat.language]) : "";
    if (part.judged === shown) return;
    part.judged = shown;
    const focused = part.foot.getRootNode().activeElement;
    const name = part.foot.contains(focused) ? focused.dataset.name : null;
    part.foot.replaceChildren(...(may ? this.#judging(turn, conversation.ratings[turn.id], state) : []));
    if (name) (part.foot.querySelector(`[data-name="${name}"]`) ?? part.foot.querySelector("button"))?.focus();
  }

  #judging(turn, value, state) {
    const rows = [element("div", { class: "thumbs" }, this.#thumb(turn, 1, value), this.#thumb(turn, -1, value))];
    if (state.error) rows.push(element("p", { class: "aside", role: "alert" }, icon("warning"), state.error));
    if (state.open) rows.push(this.#offer(turn, value, state));
    return rows;
  }

  #thumb(turn, value, rated) {
    const label = this.chat.t(value === 1 ? "good" : "bad");
    const attributes = { type: "button", class: "thumb", title: label, "aria-label": label, "data-name": `thumb${value}` };
    const pressed = { "aria-pressed": rated === value, onclick: () => this.#rate(turn, value) };
    return element("button", { ...attributes, ...pressed }, icon(value === 1 ? "up" : "down"));
  }

  #offer(turn, value, state) {
    const { t } = this.chat;
    const box = element("div", { class: "words" });
    box.append(element("p", {}, t(value === 1 ? "thanks" : "sorry"), value === -1 && turn.route === "end" && !state.second ? ` ${t("sorryCloud")}` : ""));
    if (value === -1) box.append(this.#instead(turn, state));
    box.append(this.#stars(turn, state));
    if (state.commented) box.append(element("p", { class: "aside" }, icon("check"), t("commentDone")));
    else box.append(this.#comment(turn, value, state));
    return box;
  }

  /** What else there is where an answer was no help: the cloud's answer, or a person. */
  #instead(turn, state) {
    const { t } = this.chat;
    const row = element("div", { class: "row" });
    if (turn.route === "end" && !state.second) {
      const ask = { type: "button", class: "primary small", "data-name": "second", onclick: () => this.#second(turn) };
      row.append(element("button", ask, icon("cloud"), t("second")));
    }
    if (state.second === "asked") row.append(element("p", { class: "aside" }, t("secondComes")));
    if (turn.speaker !== "human") {
      const call = { type: "button", class: "small", "data-name": "person", onclick: () => this.chat.askPerson() };
      row.append(element("button", call, icon("person"), t("person")));
    }
    return row;
  }

  #stars(turn, state) {
    const { t } = this.chat;
    const star = (value) => {
      const label = t("star", { value });
      const act = () => this.#tell(turn, async (now) => {
        await this.chat.conversation.stars(turn, value);
        now.stars = value;
        this.chat.announce(t("thanks"));
      });
      const attributes = { type: "button", class: "star", title: label, "aria-label": label, "aria-pressed": state.stars === value };
      return element("button", { ...attributes, "data-name": `star${value}`, onclick: act }, value <= (state.stars ?? 0) ? "★" : "☆");
    };
    return element("div", { class: "stars", role: "group", "aria-label": t("stars") },
      element("span", { class: "aside" }, t("stars")), ...[1, 2, 3, 4, 5].map(star));
  }

  #comment(turn, value, state) {
    const { t } = this.chat;
    const label = t(value === 1 ? "commentGood" : "comment");
    const attributes = { type: "text", maxlength: 2000, placeholder: label, "aria-label": label, "data-name": "comment" };
    const input = element("input", { ...attributes, oninput: () => (state.words = input.value) });
    input.value = state.words ?? "";
    const send = (event) => {
      event.preventDefault();
      if (input.value.trim()) this.#tell(turn, (now) => this.#commented(turn, now, input.value.trim()));
    };
    const button = element("button", { class: "small", "data-name": "send-comment" }, t("commentSend"));
    return element("form", { class: "row", onsubmit: send }, input, button);
  }

  #rate(turn, value) {
    return this.#tell(turn, async (state) => {
      await this.chat.conversation.rate(turn, value);
      Object.assign(state, { open: true, commented: false, words: "", name: newName("f") });
      this.chat.announce(this.chat.t(value === 1 ? "thanks" : "sorry"));
    });
  }

  async #commented(turn, state, text) {
    await this.chat.conversation.comment(turn, state.name, text);
    state.commented = true;
    this.chat.announce(this.chat.t("commentDone"));
  }

  #second(turn) {
    return this.#tell(turn, async (state) => {
      state.second = "asked";
      this.messages.render();
      try {
        await this.chat.conversation.secondAnswer(turn);
        state.second = "given";
        this.messages.toEnd();
      } catch (error) {
        state.second = error.status === 409 ? "given" : "";
        error.said = this.chat.t("secondFailed");
        throw error;
      }
    });
  }

  /** Does something with an answer, and shows beside it what went wrong. */
  async #tell(turn, act) {
    const state = this.#feedback.get(turn.id) ?? {};
    this.#feedback.set(turn.id, state);
    state.error = "";
    try {
      await act(state);
    } catch (error) {
      state.error = error.said ?? this.chat.reasonOf(error);
    }
    this.messages.render();
  }
}
