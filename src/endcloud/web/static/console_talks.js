// The list of conversations, by who needs a person most, and the one that is open. Everything that happens in the
// shop arrives by one stream; after every break the lists are read again, so nothing is missed.

import { Alarm } from "./console_alarm.js";
import { Talk } from "./console_talk.js";
import { api, blank, duration, element, moment, sentence } from "./staff.js";

const TICK = 1000;

export class Talks {
  #rows = new Map(); // conversation → {conversation, last, handoff}
  #buttons = new Map();
  #ahead = 0; // milliseconds by which the service's clock is ahead of ours
  #open = null;
  #loaded = false;
  #problem = "";

  constructor({ t, me, connection, alarm, count }) {
    Object.assign(this, { t, me, connection, count });
    this.alarm = new Alarm(t, alarm);
    this.list = element("nav", { class: "list", "aria-label": t("list") });
    this.list.addEventListener("keydown", (event) => this.#move(event));
    this.view = element("section", { class: "view" });
    this.root = element("div", { class: "split" }, this.list, this.view);
  }

  start() {
    api.listen("/console/events", {
      signal: new AbortController().signal,
      state: (state) => this.#state(state),
      on: { turn: (turn) => this.#heard(turn), handoff: (handoff) => this.#handed(handoff) },
      refused: (error) => (this.connection.textContent = sentence(this.t, error)),
    });
    setInterval(() => this.#tick(), TICK);
  }

  show(place, conversation) {
    place.replaceChildren(this.root);
    if (this.#open?.conversation !== conversation) {
      this.#open?.close();
      this.#open = conversation ? new Talk(this, conversation) : null;
    }
    this.root.classList.toggle("opened", Boolean(conversation));
    if (this.#open) this.view.replaceChildren(this.#open.root);
    this.#draw();
  }

  /** What is known of a conversation. */
  row(conversation) {
    return this.#rows.get(conversation);
  }

  /** Reads all lists again. */
  async refresh() {
    try {
      const [found, { queue }] = await Promise.all([api.get("/console/conversations"), api.get("/console/queue")]);
      this.#ahead = Date.parse(found.now) - Date.now();
      this.#rows = new Map(found.conversations.map((row) => [row.conversation, row]));
      for (const handoff of queue) { // somebody may have waited for longer than the list reaches back
        const row = this.#rows.get(handoff.conversation) ?? { conversation: handoff.conversation, last: null };
        this.#rows.set(handoff.conversation, { ...row, handoff });
      }
      this.#problem = "";
    } catch (error) {
      this.#problem = sentence(this.t, error);
    }
    this.#loaded = true;
    this.#draw();
  }

  handed(handoff) {
    this.#handed(handoff);
  }

  #state(state) {
    this.connection.className = `connection ${state}`;
    this.connection.textContent = state === "open" ? this.t("live") : this.t(state === "lost" ? "lost" : "loading");
    if (state === "open") this.refresh();
  }

  #heard(turn) {
    if (turn.speaker === "shop" || !turn.text) return; // what the service says tells an agent nothing new
    const known = this.#rows.get(turn.conversation);
    this.#rows.set(turn.conversation, { conversation: turn.conversation, handoff: null, ...known, last: turn });
    this.#draw();
  }

  #handed(handoff) {
    const known = this.#rows.get(handoff.conversation) ?? { conversation: handoff.conversation, last: null };
    this.#rows.set(handoff.conversation, { ...known, handoff: handoff.stage === "closed" ? null : handoff });
    this.#open?.handed(handoff);
    this.#draw();
  }

  #draw() {
    const groups = { waiting: [], mine: [], others: [], lately: [] };
    for (const row of this.#rows.values()) groups[this.#group(row)].push(row);
    groups.waiting.sort((a, b) => Date.parse(a.handoff.at) - Date.parse(b.handoff.at));
    for (const name of ["mine", "others", "lately"]) groups[name].sort((a, b) => at(b) - at(a));
    this.count(groups.waiting.length);
    if (this.#loaded) this.alarm.hear(groups.waiting.map((row) => row.conversation));
    if (!this.#open) this.view.replaceChildren(this.#rows.size ? blank(this.t("pick"), this.t("pickWhy")) : blank(this.t("noTalks"), this.t("noTalksWhy")));
    const focused = document.activeElement?.dataset?.conversation;
    this.#buttons.clear();
    this.list.replaceChildren(...this.#content(groups));
    if (focused) this.#buttons.get(focused)?.focus();
  }

  #content(groups) {
    if (!this.#loaded) return [blank(this.t("loading"))];
    if (this.#problem) {
      const again = element("button", { class: "button", type: "button", onclick: () => this.refresh() }, this.t("again"));
      return [blank(this.#problem, "", again)];
    }
    const shown = [this.#section("waiting", groups.waiting, this.#nobody())];
    for (const name of ["mine", "others", "lately"]) if (groups[name].length) shown.push(this.#section(name, groups[name]));
    return shown;
  }

  #nobody() {
    return element("div", { class: "nobody" }, element("p", {}, this.t("nobodyWaits")),
      element("p", { class: "soft small" }, this.t("nobodyWaitsWhy")));
  }

  #section(name, rows, otherwise = null) {
    const hot = name === "waiting" && rows.length ? "count hot" : "count";
    return element("section", { class: `group ${name}` },
      element("h2", {}, this.t(name), element("span", { class: hot }, String(rows.length))),
      rows.length ? element("ul", {}, ...rows.map((row) => element("li", {}, this.#item(row)))) : otherwise);
  }

  #item(row) {
    const { conversation, last, handoff } = row;
    const chosen = this.#open?.conversation === conversation;
    const button = element("button", {
      class: "item", type: "button", "data-conversation": conversation, "aria-current": chosen ? "true" : false,
      onclick: () => (location.hash = `talks/${encodeURIComponent(conversation)}`),
    },
      element("span", { class: "item-head" }, element("span", { class: "item-name" }, this.name(row)),
        element("span", { class: "item-when soft" }, this.#when(row))),
      handoff ? element("span", { class: "item-why" }, this.reason(handoff.reason),
        handoff.stage === "claimed" && handoff.agent !== this.me.name
          ? element("span", { class: "chip human" }, this.t("with", { agent: handoff.agent })) : null) : null,
      element("span", { class: "item-last" },
        last?.route ? element("span", { class: `dot ${last.route}`, title: this.t(last.route) }) : null,
        last?.text || this.t("forgotten")));
    this.#buttons.set(conversation, button);
    return button;
  }

  /** How a conversation is called: by its customer where the shop named one. */
  name({ conversation, customer, last }) {
    const known = customer || (last?.speaker === "customer" && last.by);
    if (known) return this.t("customer", { name: known });
    return this.t("visitor", { name: conversation.replace(/^c_/, "").slice(0, 6) });
  }

  /** Why a person was called, without the numbers that were measured at the time. */
  reason(reason) {
    const known = reason.split(":", 1)[0];
    try {
      return this.t(`reason ${known}`);
    } catch {
      return known;
    }
  }

  #when({ last, handoff }) {
    if (handoff?.stage === "waiting") return this.t("waits", { time: duration(this.#since(handoff.at)) });
    return last ? moment(last.at) : "";
  }

  #since(text) {
    return (Date.now() + this.#ahead - Date.parse(text)) / 1000;
  }

  #tick() {
    for (const [conversation, button] of this.#buttons) {
      const row = this.#rows.get(conversation);
      if (row?.handoff?.stage === "waiting") button.querySelector(".item-when").textContent = this.#when(row);
    }
  }

  #group({ handoff }) {
    if (!handoff) return "lately";
    if (handoff.stage === "waiting") return "waiting";
    return handoff.agent === this.me.name ? "mine" : "others";
  }

  /** Arrow keys walk the list. */
  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...this.#buttons.values()];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  }
}

function at(row) {
  return row.last ? Date.parse(row.last.at) : 0;
}
