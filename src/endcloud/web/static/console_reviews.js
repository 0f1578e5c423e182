// The review queue: what a person should look at first and why, both replies side by side, a verdict by one key.
// A judged reply stays in the list until the queue is loaded again, so that one can go back and judge it anew.

import { newName } from "./api.js";
import { api, blank, element, moment, notice, percent, sentence, share, sureness } from "./staff.js";

const SAYING = new Set(["thumb", "note", "failed check"]); // signs whose detail is words
const SCORES = { end: ["final", "similarity", "relevance"], cloud: ["cloud_relevance"] };

export class Reviews {
  #items = null;
  #waiting = 0;
  #judged = 0;
  #done = new Map(); // turn → the verdict's words
  #at = 0;
  #problem = "";
  #shown = false;
  #sending = false;

  constructor({ t, me, count }) {
    Object.assign(this, { t, me, count });
    this.root = element("div", { class: "split reviews" });
    addEventListener("keydown", (event) => this.#key(event));
  }

  async load() {
    try {
      const { items, waiting, judged } = await api.get("/console/reviews?limit=30");
      this.#items = items;
      this.#waiting = waiting;
      this.#judged = judged;
      this.#done.clear();
      this.#at = 0;
      this.#problem = "";
      this.count(waiting);
    } catch (error) {
      this.#problem = sentence(this.t, error);
    }
    if (this.#shown) this.#draw();
  }

  show(place) {
    this.#shown = true;
    place.replaceChildren(this.root);
    this.#draw();
    this.load();
  }

  hide() {
    this.#shown = false;
  }

  // -- drawing -------------------------------------------------------------------------------------------------

  #draw() {
    const { t } = this;
    if (this.#problem) {
      const again = element("button", { class: "button", type: "button", onclick: () => this.load() }, t("again"));
      return this.root.replaceChildren(blank(this.#problem, "", again));
    }
    if (!this.#items) return this.root.replaceChildren(blank(t("loading")));
    if (!this.#items.length) return this.root.replaceChildren(blank(t("queueEmpty"), t("queueEmptyWhy"), this.#progress()));
    this.list = element("nav", { class: "list", "aria-label": t("reviews") }, this.#progress(),
      element("ul", {}, ...this.#items.map((item, at) => element("li", {}, this.#entry(item, at)))), this.#more());
    this.view = element("section", { class: "view" });
    this.root.replaceChildren(this.list, this.view);
    this.#detail();
  }

  #progress() {
    return element("p", { class: "soft small pad progress" }, this.t("judgedCount", { count: this.#judged + this.#done.size }));
  }

  #more() {
    if (this.#waiting <= this.#items.length && !this.#done.size) return null;
    return element("button", { class: "button more", type: "button", onclick: () => this.load() }, this.t("more"));
  }

  #entry(item, at) {
    const done = this.#done.get(item.reply.id);
    return element("button", {
      class: `item ${done ? "done" : ""}`, type: "button", "aria-current": at === this.#at ? "true" : false,
      onclick: () => this.#go(at, true),
    },
      element("span", { class: "item-head" },
        element("span", { class: "item-name" }, item.query?.text || this.t("forgotten")),
        element("span", { class: "item-when soft" }, moment(item.reply.at))),
      element("span", { class: "chips" },
        done ? element("span", { class: "chip good" }, done) : null,
        ...item.why.slice(0, done ? 1 : 2).map((sign) => element("span", { class: `chip ${tone(sign)}` }, this.#cause(sign, true)))));
  }

  /** Why a person should look, in words; `short` leaves out what the customer wrote. */
  #cause({ cause, detail }, short = false) {
    const share = cause === "unsure" ? percent(Number(detail)) : detail;
    const said = this.t(`why ${cause}`, { detail: share });
    const words = !short && detail && SAYING.has(cause) ? this.t("saying", { text: detail }) : "";
    return said + words;
  }

  #detail() {
    const { t } = this;
    const item = this.#items[this.#at];
    const done = this.#done.get(item.reply.id);
    const back = element("button", { class: "button quiet back", type: "button", onclick: () => this.root.classList.remove("opened") }, `‹ ${t("back")}`);
    this.view.replaceChildren(element("article", { class: "review", tabindex: "-1" },
      element("header", { class: "review-head" }, back,
        element("p", { class: "soft small" }, t("reviewOf", { at: this.#at + 1, all: Math.max(this.#waiting, this.#items.length) })),
        element("a", { class: "small", href: `#talks/${encodeURIComponent(item.reply.conversation)}` }, t("openTalk"))),
      element("section", { class: "why" }, element("h2", {}, t("whyFirst")),
        element("ul", {}, ...item.why.map((sign) => element("li", { class: tone(sign) }, this.#cause(sign)))), this.#remarks(item)),
      item.context.length ? element("details", { class: "before" }, element("summary", {}, t("before")),
        element("ol", {}, ...item.context.map((turn) => this.#quote(turn)))) : null,
      element("section", { class: "asked" }, element("h3", {}, t("question")), element("p", { class: "words" }, item.query?.text || t("forgotten"))),
      element("div", { class: "replies" }, ...this.#replies(item)),
      this.#verdicts(item, done),
      this.#keys()));
  }

  /** What colleagues noted before. */
  #remarks({ feedback }) {
    const notes = feedback.filter((one) => one.witness !== "customer" && one.text && one.kind !== "correction");
    if (!notes.length) return null;
    return element("ul", { class: "remarks soft small" }, ...notes.map((one) => element("li", {}, `${one.by}: ${one.text}`)));
  }

  #quote(turn) {
    const who = turn.speaker === "customer" ? this.t("customerSays") : turn.speaker === "shop" ? this.t("shopSays") : this.t(turn.speaker);
    return element("li", {}, element("span", { class: "soft" }, `${who} `), element("span", { class: "words" }, turn.text));
  }

  #replies(item) {
    const all = [...item.others, item.reply].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
    const shown = ["end", "cloud"].map((speaker) => {
      const replies = all.filter((turn) => turn.speaker === speaker);
      return this.#reply(item, speaker, replies);
    });
    const people = all.filter((turn) => turn.speaker === "human");
    if (people.length) shown.push(this.#reply(item, "human", people));
    return shown;
  }

  #reply(item, speaker, replies) {
    const { t } = this;
    const judged = replies.some((turn) => turn.id === item.reply.id);
    const facts = replies.flatMap((turn) => [/^[0-9a-f]{16,}$/.test(turn.version) ? turn.version.slice(0, 8) : turn.version, turn.probability === null ? "" : sureness(t, turn.probability)]).filter(Boolean);
    return element("section", { class: `reply ${speaker} ${judged ? "judged" : ""}` },
      element("h3", {}, t(`${speaker}Reply`), judged ? element("span", { class: "chip warn" }, t("judged")) : null),
      ...(replies.length ? replies.map((turn) => element("p", { class: "words" }, turn.text))
        : [element("p", { class: "soft" }, t(speaker === "cloud" ? "unknownCloud" : "unknownEnd"))]),
      facts.length ? element("p", { class: "soft small" }, facts.join(" · ")) : null,
      replies.length && SCORES[speaker] ? this.#scores(item.scores, SCORES[speaker]) : null);
  }

  #scores(scores, names) {
    const known = names.filter((name) => scores && scores[name] !== null);
    if (!known.length) return element("p", { class: "soft small" }, this.t("noScore"));
    return element("dl", { class: "scores", "aria-label": this.t("scores") }, ...known.flatMap((name) => [
      element("dt", {}, this.t(name)),
      element("dd", {}, share({ value: scores[name], of: 1, label: this.t(name) }), element("span", {}, scores[name].toFixed(2))),
    ]));
  }

  #verdicts(item, done) {
    const { t } = this;
    const act = (name, key, kind) => element("button", { class: `button ${kind}`, type: "button", "data-act": name,
      onclick: () => (name === "correct" ? this.#write() : this.#judge({ verdict: name })) }, t(name), element("kbd", {}, key));
    const grades = [1, 2, 3, 4, 5].map((grade) => element("button", { class: "button grade", type: "button",
      "aria-label": t("grade", { grade }), onclick: () => this.#judge({ verdict: "grade", grade }) }, String(grade)));
    const other = item.others.find((turn) => turn.speaker === "cloud")?.text;
    this.text = element("textarea", { rows: 4, maxlength: 4000, id: "correction", placeholder: t("correctionHint") });
    this.text.value = item.reply.text;
    this.problem = element("p", { class: "problem small", role: "alert" });
    this.remark = element("input", { class: "remark", type: "text", maxlength: 1000, placeholder: t("remark"), "aria-label": t("remark") });
    this.form = element("form", { class: "correction", hidden: true, onsubmit: (event) => { event.preventDefault(); this.#correct(); } },
      element("label", { for: "correction" }, t("correction")), this.text, this.problem,
      element("div", { class: "tools" },
        element("button", { class: "button primary", type: "submit" }, t("keepCorrection"), element("kbd", {}, "Ctrl ↵")),
        other ? element("button", { class: "button", type: "button", onclick: () => { this.text.value = other; this.text.focus(); } }, t("fromCloud")) : null,
        element("button", { class: "button quiet", type: "button", onclick: () => this.#unwrite() }, t("cancel"))));
    return element("section", { class: "verdicts" },
      done ? element("p", { class: "soft small" }, `${done} · ${t("judgeAgain")}`) : null,
      element("div", { class: "tools" }, act("accept", "a", "primary"), act("correct", "c", ""), act("reject", "r", "bad"),
        this.remark,
        element("span", { class: "grades", role: "group", "aria-label": t("grades") }, element("span", { class: "soft small" }, t("grades")), ...grades)),
      this.form);
  }

  #keys() {
    const row = (keys, words) => [element("dt", {}, ...keys.map((key) => element("kbd", {}, key))), element("dd", {}, this.t(words))];
    return element("details", { class: "keys" }, element("summary", { class: "soft small" }, this.t("keys")),
      element("dl", {}, ...row(["j", "k"], "keyMove"), ...row(["a", "c", "r"], "keyJudge"), ...row(["1", "…", "5"], "keyGrade"), ...row(["n"], "remark"),
        ...row(["Ctrl ↵"], "keySave"), ...row(["Esc"], "keyCancel")));
  }

  // -- judging -------------------------------------------------------------------------------------------------

  #key(event) {
    if (!this.#shown || !this.#items?.length || event.altKey || event.metaKey) return;
    const writing = event.target === this.text;
    if (writing && event.key === "Enter" && event.ctrlKey) return this.#correct();
    if (event.key === "Escape" && (!this.form.hidden || event.target === this.remark)) return this.#unwrite();
    if (event.target.closest?.("input, textarea, select") || event.ctrlKey) return;
    const act = {
      n: () => this.remark.focus(),
      j: () => this.#go(this.#at + 1), k: () => this.#go(this.#at - 1), c: () => this.#write(),
      a: () => this.#judge({ verdict: "accept" }), r: () => this.#judge({ verdict: "reject" }),
    }[event.key];
    if (!act && !"12345".includes(event.key)) return;
    event.preventDefault();
    if (act) act();
    else this.#judge({ verdict: "grade", grade: Number(event.key) });
  }

  #go(at, opened = false) {
    if (at < 0 || at >= this.#items.length) return;
    this.#at = at;
    this.#draw();
    if (opened) this.root.classList.add("opened");
    this.list.querySelector('[aria-current="true"]').scrollIntoView({ block: "nearest" });
    this.view.scrollTop = 0;
  }

  #write() {
    this.form.hidden = false;
    this.text.focus();
    this.text.select();
  }

  #unwrite() {
    this.form.hidden = true;
    this.problem.textContent = "";
    this.view.querySelector("article").focus();
  }

  #correct() {
    const text = this.text.value.trim();
    this.problem.textContent = !text ? this.t("emptyCorrection")
      : text === this.#items[this.#at].reply.text.trim() ? this.t("sameCorrection") : "";
    if (!this.problem.textContent) this.#judge({ verdict: "correct", text });
  }

  async #judge(verdict) {
    if (this.#sending) return;
    this.#sending = true;
    const item = this.#items[this.#at];
    if (verdict.verdict !== "correct") verdict = { ...verdict, text: this.remark.value.trim() };
    const id = (item.name ??= {})[JSON.stringify(verdict)] ??= newName("f"); // sent again after a failure, it counts once
    try {
      await api.post(`/console/reviews/${encodeURIComponent(item.reply.id)}`, { id, ...verdict });
    } catch (error) {
      return notice(sentence(this.t, error), "bad");
    } finally {
      this.#sending = false;
    }
    item.name = {};
    const words = this.t(`did${verdict.verdict}`, verdict);
    this.#done.set(item.reply.id, words);
    notice(words);
    this.count(Math.max(0, this.#waiting - this.#done.size));
    const next = this.#items.findIndex((one, at) => at > this.#at && !this.#done.has(one.reply.id));
    if (next >= 0) this.#go(next);
    else if (this.#items.some((one) => !this.#done.has(one.reply.id))) this.#go(this.#items.findIndex((one) => !this.#done.has(one.reply.id)));
    else this.load();
  }
}

function tone({ cause, weight }) {
  if (cause === "spot check") return "";
  return weight >= 3.5 ? "bad" : "warn";
}
