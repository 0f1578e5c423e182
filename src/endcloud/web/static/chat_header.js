// The head of the chat: whose service it is, who answers now, and what stands in the way, if anything does.

import { element, icon } from "./dom.js";

export class Header {
  constructor(chat) {
    this.chat = chat;
    this.heading = element("h2", { id: "title" });
    this.status = element("p", { class: "status", role: "status" });
    this.face = element("span", { class: "face" });
    this.shut = element("button", { type: "button", class: "bare", onclick: () => chat.hide() }, icon("close"));
    const titles = element("div", { class: "titles" }, this.heading, this.status);
    this.bar = element("header", { class: "bar" }, this.face, titles, chat.menu.button, this.shut, chat.menu.list);
    this.banner = element("div", { class: "banner", role: "status", hidden: true });
  }

  render(shop) {
    const { t } = this.chat;
    this.heading.textContent = shop ? t("titleOf", { shop }) : t("title");
    this.shut.setAttribute("aria-label", t("close"));
    this.shut.title = t("close");
    this.#status();
    this.#banner();
  }

  #status() {
    const { t, conversation } = this.chat;
    const stage = conversation.handoff?.stage;
    const cloud = conversation.spoken.findLast((turn) => turn.speaker !== "customer")?.speaker === "cloud";
    let [text, who] = cloud ? [t("byCloud"), "cloud"] : [t("byAi"), "end"];
    if (stage === "claimed") [text, who] = [t("byPerson", { name: conversation.handoff.agent }), "human"];
    if (stage === "waiting") [text, who] = this.chat.info.open ? [t("waitingPerson"), "waiting"] : [t("closedPerson"), "end"];
    if (this.status.textContent !== text) this.status.textContent = text;
    if (this.face.dataset.who === who) return;
    this.face.dataset.who = who;
    this.face.replaceChildren(icon({ end: "end", cloud: "cloud", human: "person", waiting: "clock" }[who]));
  }

  #banner() {
    const { t, conversation } = this.chat;
    const [text, kind, act] = this.#trouble();
    const shown = `${text}${kind}${this.chat.language}`;
    if (this.banner.dataset.shown === shown) return;
    const was = this.banner.dataset.shown;
    this.banner.dataset.shown = shown;
    this.banner.hidden = !text;
    this.banner.className = `banner ${kind}`;
    const button = act ? element("button", { type: "button", class: "small", onclick: act }, t("asGuest")) : null;
    this.banner.replaceChildren(...(text ? [icon(kind === "calm" ? "clock" : "warning"), element("span", {}, text)] : []), ...(button ? [button] : []));
    if (was && !text && conversation.connection === "open") this.chat.announce(t("backAgain"));
  }

  /** What stands in the way: [text, kind, what can be done]. */
  #trouble() {
    const { t, conversation, info } = this.chat;
    if (!navigator.onLine) return [t("offline"), "bad", null];
    if (conversation.problem === "expired") return [`${t("expired")}${t("expiredMore")}`, "bad", () => (this.chat.tokenSource = null)];
    if (conversation.problem) return [t("refused", { reason: conversation.problem }), "bad", null];
    if (conversation.connection === "lost") return [t("lost"), "warn", null];
    if (conversation.handoff?.stage === "waiting" && info.open) return [t("personWaits"), "calm", null];
    if (!info.open && info.hours) return [t("outside", { hours: info.hours }), "calm", null];
    return ["", "", null];
  }
}
