// Online evolution as it happens: labels that wait for a person, the quality over time, every round with its reasons.
// While a round is open the page looks again every few seconds; what a reviewer is writing is never taken away.

import { lines } from "./charts.js";
import { api, blank, element, language, moment, notice, sentence } from "./staff.js";
import { figureIn, outcomeIn, reasonIn, retiredIn } from "./evolution_in_chinese.js";

const STAGES = ["audit", "watch", "select", "label", "train", "gate", "promote"];
const PARTS = ["new", "golden", "old"];
const SAID_BELOW = new Set([...PARTS, "judgement", "reason"]);
const TONE = { promoted: "good", refused: "bad", undecided: "warn", "rolled back": "bad", failed: "bad" };
const AGAIN = 5_000;

export class Evolution {
  #shown = false;
  #number = null; // the round that is looked at, null for the overview
  #timer = 0;
  #correcting = "";

  constructor({ t, count }) {
    Object.assign(this, { t, count });
    this.root = element("div", { class: "page evolution" });
    addEventListener("keydown", (event) => this.#key(event));
  }

  show(place, part) {
    this.#shown = true;
    this.#number = /^\d+$/.test(part) ? Number(part) : null;
    this.root.replaceChildren(blank(this.t("loading")));
    place.replaceChildren(this.root);
    this.load();
  }

  hide() {
    this.#shown = false;
    clearTimeout(this.#timer);
  }

  async load() {
    clearTimeout(this.#timer);
    const asked = this.#number;
    try {
      if (asked !== null) {
        const found = await api.get(`/console/evolution/rounds/${asked}`);
        if (this.#shown && asked === this.#number) this.#drawRound(found);
        if (found.round.stage !== "done") this.#later();
        return;
      }
      const [found, waiting] = await Promise.all([api.get("/console/evolution"), api.get("/console/evolution/lessons")]);
      this.count(waiting.waiting);
      if (this.#shown && this.#number === null && !this.#correcting) this.#drawAll(found, waiting);
      if (found.rounds.some((round) => round.stage !== "done")) this.#later();
    } catch (error) {
      if (!this.#shown) return;
      const again = element("button", { class: "button", type: "button", onclick: () => this.load() }, this.t("again"));
      this.root.replaceChildren(blank(sentence(this.t, error), "", again));
    }
  }

  #later() {
    if (this.#shown) this.#timer = setTimeout(() => (document.visibilityState === "visible" ? this.load() : this.#later()), AGAIN);
  }

  // -- the overview --------------------------------------------------------------------------------------------

  #drawAll({ rounds, quality, marks }, { lessons, waiting }) {
    const { t } = this;
    const head = [element("h1", {}, t("evolution")), element("p", { class: "soft" }, t("evolutionWhy"))];
    if (!rounds.length) return this.root.replaceChildren(...head, blank(t("noRounds"), t("noRoundsWhy")));
    this.root.replaceChildren(...head, this.#waiting(lessons, waiting), this.#quality(quality, marks), this.#rounds(rounds));
  }

  #waiting(lessons, waiting) {
    const { t } = this;
    if (!waiting) return null;
    return element("section", { class: "card lessons" }, element("h2", {}, t("approvals", { count: waiting })),
      element("p", { class: "soft small" }, t("approvalsWhy")),
      element("ol", {}, ...lessons.map((lesson) => element("li", {}, this.#lesson(lesson)))));
  }

  #lesson(lesson) {
    const { t } = this;
    const act = (verdict, kind, key) => element("button", { class: `button ${kind}`, type: "button", "data-act": verdict,
      onclick: () => (verdict === "correct" ? open() : this.#judge(lesson, { verdict })) }, t(`lesson ${verdict}`), element("kbd", {}, key));
    const text = element("textarea", { rows: 3, maxlength: 4000, "aria-label": t("correction") });
    text.value = lesson.reply;
    const form = element("form", { class: "correction", hidden: true, onsubmit: (event) => { event.preventDefault(); this.#judge(lesson, { verdict: "correct", text: text.value }); } },
      text, element("div", { class: "tools" }, element("button", { class: "button primary", type: "submit" }, t("keepCorrection")),
        element("button", { class: "button quiet", type: "button", onclick: () => close() }, t("cancel"))));
    const open = () => { this.#correcting = lesson.id; form.hidden = false; text.focus(); };
    const close = () => { this.#correcting = ""; form.hidden = true; };
    return element("article", { class: "lesson", tabindex: 0, "data-lesson": lesson.id },
      element("p", { class: "words asked" }, lesson.messages.at(-1)[1] ?? lesson.messages.at(-1).content),
      element("div", { class: "replies" }, this.#words("poor", lesson.poor || t("saidNothing"), "end"), this.#words(lesson.origin, lesson.reply, lesson.origin === "human" ? "human" : "cloud")),
      element("p", { class: "soft small" }, t("because", { reasons: lesson.reasons.map((one) => reasonIn(language, one)).join("；") })),
      element("div", { class: "tools" }, act("approve", "primary", "a"), act("correct", "", "c"), act("reject", "bad", "r")), form);
  }

  #words(name, text, tone) {
    return element("section", { class: `reply ${tone}` }, element("h3", {}, this.t(`lesson ${name}`)), element("p", { class: "words" }, text));
  }

  async #judge(lesson, body) {
    try {
      await api.post(`/console/evolution/lessons/${encodeURIComponent(lesson.id)}`, body);
      this.#correcting = "";
      notice(this.t(`did ${body.verdict}`));
      await this.load();
      this.root.querySelector(".lesson")?.focus();
    } catch (error) {
      notice(sentence(this.t, error), "bad");
    }
  }

  #key(event) {
    if (!this.#shown || this.#correcting || event.ctrlKey || event.altKey || event.metaKey) return;
    const lesson = document.activeElement?.closest?.(".lesson");
    if (!lesson || ["TEXTAREA", "INPUT"].includes(event.target.tagName)) return;
    const act = { a: "approve", c: "correct", r: "reject" }[event.key];
    const step = { j: "nextElementSibling", k: "previousElementSibling" }[event.key];
    if (act) lesson.querySelector(`[data-act=${act}]`).click();
    else if (step) lesson.parentElement[step]?.querySelector(".lesson").focus();
    else return;
    event.preventDefault();
  }

  #quality(rows, marks) {
    const { t } = this;
    const known = rows.some((row) => row.final !== null);
    const starts = rows.map((row) => `${Number(row.from.slice(5, 7))}/${Number(row.from.slice(8, 10))}`);
    const series = [{ key: "final", label: t("final"), tone: "good" }, { key: "wrong", label: t("wrongShare"), tone: "bad", dashed: true }];
    const times = rows.map((row) => Date.parse(row.from));
    const placed = marks.map((mark) => ({ at: Math.max(0, times.findLastIndex((from) => from <= Date.parse(mark.at))), label: mark.version.slice(0, 4), tone: mark.kind === "promoted" ? "good" : "bad" }));
    return element("section", { class: "card chart-card", "data-card": "evolved" }, element("h2", {}, t("qualityOverTime")),
      element("p", { class: "soft small" }, t("qualityOverTimeWhy")),
      known ? lines({ rows, starts, series, format: (value) => value.toFixed(2), label: t("qualityOverTime"), most: 1, marks: placed }) : blank(t("noAudits")));
  }

  #rounds(rounds) {
    const { t } = this;
    const columns = ["round", "began", "outcome", "candidate", "reason"];
    return element("section", { class: "card table-box" }, element("h2", {}, t("rounds")), element("table", {},
      element("thead", {}, element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, t(`round ${name}`))))),
      element("tbody", {}, ...rounds.map((round) => element("tr", {},
        element("th", { scope: "row" }, element("a", { href: `#evolution/${round.number}` }, String(round.number))),
        element("td", { class: "number" }, moment(round.began)), element("td", {}, this.#outcome(round)),
        element("td", {}, element("code", {}, round.candidate.slice(0, 8) || "–")), element("td", { class: "why" }, outcomeIn(language, round.reason)))))));
  }

  #outcome(round) {
    const words = round.outcome ? this.t(`outcome ${round.outcome}`) : this.t("atStage", { stage: this.t(`stage ${round.stage}`) });
    return element("span", { class: `chip ${TONE[round.outcome] ?? (round.outcome ? "" : "cloud")}` }, words);
  }

  // -- one round -----------------------------------------------------------------------------------------------

  #drawRound({ round, choices, decisions }) {
    const { t } = this;
    const gate = decisions.filter((one) => one.kind === "gate").at(-1);
    this.root.replaceChildren(
      element("p", {}, element("a", { href: "#evolution" }, `‹ ${t("allRounds")}`)),
      element("h1", {}, t("roundTitle", { number: round.number }), " ", this.#outcome(round)),
      round.reason ? element("p", {}, outcomeIn(language, round.reason)) : null,
      this.#steps(round),
      this.#newerTruth(round.figures.audit ?? {}),
      ...decisions.map((one) => this.#decision(one)),
      gate ? this.#examples(gate.pairs) : null,
      this.#chosen(choices));
  }

  #steps(round) {
    const { t } = this;
    const at = round.stage === "done" ? STAGES.length : STAGES.indexOf(round.stage);
    return element("ol", { class: "steps" }, ...STAGES.map((stage, place) => {
      const figures = round.figures[stage];
      const state = figures ? "did" : place === at ? "now" : place < at ? "left-out" : "";
      return element("li", { class: `card ${state}`, "aria-current": state === "now" ? "step" : false },
        element("h2", {}, t(`stage ${stage}`), state === "now" ? element("span", { class: "chip cloud" }, t("atWork")) : null),
        figures ? this.#figures(figures) : element("p", { class: "soft small" }, t(state === "now" ? "atWorkWhy" : place < at ? "notReached" : "notYet")));
    }));
  }

  /** What a stage did, in numbers; a group of numbers is one line, heaviest first. What the gate compared stands below. */
  #figures(figures) {
    const shown = Object.entries(figures).filter(([name, value]) => value !== null && !SAID_BELOW.has(name) && !Array.isArray(value) && (typeof value !== "object" || Object.keys(value).length));
    return element("dl", { class: "figures" }, ...shown.flatMap(([name, value]) => {
      const wide = typeof value === "object" || String(value).length > 16 ? "wide" : "";
      return [element("dt", { class: wide }, figureIn(language, name)), element("dd", { class: wide }, typeof value === "object" ? group(value) : plain(value))];
    }));
  }

  /** The rules that the owner has edited, and what of the older material holds no more. */
  #newerTruth(figures) {
    const { t } = this;
    const list = (name) => (figures[name] ?? []).map((one) => element("li", {}, retiredIn(language, one)));
    const [changed, gone, notes] = ["rules changed", "no longer true", "notes on the rules"].map(list);
    if (!changed.length && !gone.length && !notes.length) return null;
    return element("section", { class: "card" }, element("h2", {}, t("newerTruth")), element("p", { class: "soft small" }, t("newerTruthWhy")),
      changed.length ? element("ul", { class: "rules" }, ...changed) : null,
      notes.length ? element("ul", { class: "rules" }, ...notes) : null,
      gone.length ? element("details", {}, element("summary", {}, t("noLongerTrue", { count: gone.length })), element("ul", { class: "small" }, ...gone)) : null);
  }

  #decision(decision) {
    const { t } = this;
    const parts = PARTS.filter((part) => decision.figures[part]?.items);
    const number = (value, digits = 3) => element("td", { class: "number" }, value === null || value === undefined ? "–" : value.toFixed(digits));
    return element("section", { class: "card table-box decision" },
      element("h2", {}, t(`decision ${decision.kind}`), " ", element("span", { class: `chip ${{ promote: "good", keep: "good", undecided: "warn" }[decision.judgement] ?? "bad"}` }, t(`judgement ${decision.judgement}`))),
      element("p", {}, outcomeIn(language, decision.reason)),
      parts.length ? element("table", {},
        element("thead", {}, element("tr", {}, ...["part", "n", "active", "candidate", "wrongFacts", "difference", "interval"].map((name, at) => element("th", { scope: "col", class: at ? "number" : "" }, t(`gate ${name}`))))),
        element("tbody", {}, ...parts.map((part) => {
          const one = decision.figures[part];
          const [difference, low, high] = one.difference ?? [];
          return element("tr", {}, element("th", { scope: "row" }, t(`part ${part}`)), number(one.items, 0), number(one.active), number(one.candidate),
            element("td", { class: "number" }, `${one["active wrong facts"]} → ${one["candidate wrong facts"]}`), number(difference),
            element("td", { class: "number" }, `${low?.toFixed(3) ?? "–"} … ${high?.toFixed(3) ?? "–"}`));
        }))) : null);
  }

  #examples(examples) {
    const { t } = this;
    if (!examples.length) return null;
    const side = (name, text, quality, tone) => element("section", { class: `reply ${tone}` },
      element("h3", {}, t(`side ${name}`), quality === null || quality === undefined ? null : element("span", { class: `chip ${quality >= 0.5 ? "good" : "bad"}` }, quality.toFixed(2))),
      element("p", { class: "words" }, text || t("saidNothing")));
    return element("section", { class: "card" }, element("h2", {}, t("sideBySide")), element("p", { class: "soft small" }, t("sideBySideWhy")),
      element("ol", { class: "pairs" }, ...examples.map((one) => element("li", {},
        element("p", { class: "asked words" }, element("span", { class: "chip" }, t(`part ${one.part}`)), " ", one.query),
        element("div", { class: "replies three" }, side("active", one.active, one["active value"], "end"), side("candidate", one.candidate, one["candidate value"], "cloud"), side("reference", one.reference, null, "human"))))));
  }

  #chosen(choices) {
    const { t } = this;
    if (!choices.length) return element("section", { class: "card" }, element("h2", {}, t("chosen", { count: 0 })), blank(t("noneChosen")));
    return element("section", { class: "card table-box" }, element("h2", {}, t("chosen", { count: choices.length })), element("p", { class: "soft small" }, t("chosenWhy")),
      element("table", {},
        element("thead", {}, element("tr", {}, ...["question", "poor", "taught", "times", "why"].map((name) => element("th", { scope: "col", class: name === "times" ? "number" : "" }, t(`chosen ${name}`))))),
        element("tbody", {}, ...choices.map((one) => element("tr", {},
          element("td", { class: "words" }, one.asked?.text ?? t("forgotten")), element("td", { class: "words" }, one.said?.text ?? t("forgotten")),
          element("td", { class: "words" }, one.lesson ? one.lesson.reply : t("notTaught"), one.lesson?.part === "held out" ? element("span", { class: "chip warn" }, t("heldOut")) : null),
          element("td", { class: "number" }, String(one.frequency)), element("td", { class: "why" }, one.reasons.map((reason) => reasonIn(language, reason)).join("；")))))));
  }
}

function plain(value) {
  return typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(3) : String(value);
}

function group(values) {
  const sorted = Object.entries(values).sort(([, a], [, b]) => (typeof a === "number" && typeof b === "number" ? b - a : 0));
  return sorted.map(([name, value]) => `${figureIn(language, reasonIn(language, name))} ${plain(value)}`).join(" · ");
}
