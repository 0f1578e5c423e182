// The owner's dashboard: six figures, then the charts behind them, then versions and uploads.

import { bars, lines, lying } from "./charts.js";
import { showVersions } from "./dashboard_versions.js";
import { api, bar, blank, element, language, loggedIn, notice, percent, sentence, share, wordsOf } from "./staff.js";
import words from "./words_dashboard.js";

const PERIODS = ["today", "7d", "30d"];
const REFRESH = 60_000;

const t = wordsOf(words);
document.title = t("title");
const me = await loggedIn(document.body, t);
const place = element("main", { class: "board", "aria-busy": "true" });
const choice = element("div", { class: "periods", role: "group", "aria-label": t("period") });
const updated = element("span", { class: "soft small" });
const again = element("button", { class: "button quiet", type: "button", onclick: () => load() }, t("refresh"));
let period = PERIODS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "7d";
let asked = 0;

for (const name of PERIODS) choice.append(element("button", { class: "tab", type: "button", "data-period": name, onclick: () => (location.hash = name) }, t(name)));
document.body.replaceChildren(bar(t, "dashboard", choice, updated, again), place);
place.append(blank(t("loading")));
addEventListener("hashchange", () => {
  period = PERIODS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "7d";
  load();
});
setInterval(() => document.visibilityState === "visible" && !place.contains(document.activeElement) && load(), REFRESH);
load();

async function load() {
  for (const button of choice.children) button.setAttribute("aria-current", button.dataset.period === period ? "page" : "false");
  const mine = ++asked;
  try {
    const [found, { versions }] = await Promise.all([api.get(`/dashboard/figures?period=${period}`), api.get("/dashboard/versions")]);
    if (mine === asked) draw(found, versions);
  } catch (error) {
    if (mine !== asked) return;
    if (place.querySelector(".tiles")) notice(sentence(t, error), "bad"); // what is shown stays, with its time
    else place.replaceChildren(blank(sentence(t, error), "", element("button", { class: "button", type: "button", onclick: () => load() }, t("again"))));
  }
  place.removeAttribute("aria-busy");
}

function draw({ tables, sums, currency, now }, versions) {
  updated.textContent = t("updated", { time: new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(new Date(now)) });
  const money = (value) => `${value < 0.01 && value > 0 ? value.toPrecision(2) : value.toFixed(2)} ${currency}`.trim();
  place.replaceChildren(
    tiles(sums, money),
    element("div", { class: "cards" },
      ...charts(tables, sums, currency, money),
    ),
    versionsCard(versions),
    uploadsCard(tables.uploads));
}

function tiles(sums, money) {
  const { routes, quality, latency, costs, handoffs } = sums;
  const asked = routes.end + routes.cloud + routes.human;
  const thumbs = quality.liked + quality.disliked;
  const spent = costs.answers + costs.teaching;
  const large = (value) => (value > 0 && value < 0.01 ? `< ${money(0.01)}` : money(value)); // a tile has room for few digits
  const saved = { "cloud answers": t("savedWhy", { price: money(costs.answer_price ?? 0) }), "own tokens": t("savedOwn"), "no price": t("savedNone") };
  return element("div", { class: "tiles" },
    tile("questions", String(asked), asked ? t("questionsWhy", { share: percent(routes.end / asked) }) : t("questionsNone")),
    tile("liked", thumbs ? percent(quality.liked / thumbs) : "–", thumbs ? t("likedWhy", quality) : t("likedNone")),
    tile("first", latency.first_p50 === null ? "–" : seconds(latency.first_p50), latency.first_p95 === null ? t("firstNone") : t("firstWhy", { p95: seconds(latency.first_p95) })),
    tile("spent", large(spent), costs.limit === null ? t("spentNone") : t("spentWhy", { limit: money(costs.limit), spent: money(costs.spent) }),
      costs.limit === null ? null : share({ value: costs.spent, of: costs.limit, label: percent(costs.limit ? costs.spent / costs.limit : 0), tone: costs.spent > costs.limit * 0.9 ? "bad" : "accent" })),
    tile("saved", costs.basis === "no price" ? "–" : large(costs.saved), saved[costs.basis]),
    tile("waitingNow", String(handoffs.waiting_now), handoffs.wait_p50 === null ? t(handoffs.waiting_now ? "waitingUnmet" : "waitingNone") : t("waitingWhy", { p50: seconds(handoffs.wait_p50) }), null, handoffs.waiting_now ? "hot" : ""));
}

function tile(name, figure, why, extra = null, tone = "") {
  return element("section", { class: `tile ${tone}`, "data-tile": name }, element("h2", {}, t(name)), element("p", { class: "figure" }, figure), element("p", { class: "soft small" }, why), extra);
}

function charts(tables, sums, currency, money) {
  const one = (value) => (Number.isInteger(value) ? String(value) : ""); // there is no half of a question
  const percentiles = (name) => [{ key: `${name}_p50`, label: t("p50"), tone: "accent" }, { key: `${name}_p95`, label: t("p95"), tone: "warn", dashed: true }];
  const series = (names, tones) => names.map(([key, word], at) => ({ key, label: t(word), tone: tones[at] }));
  const kinds = Object.keys(tables.feedback[0] ?? {}).filter((key) => key !== "from");
  const feedback = kinds.map((kind) => ({ label: t(`kind ${kind}`), value: total(tables.feedback, kind), tone: { correction: "human", complaint: "bad" }[kind] ?? "accent" })).filter((item) => item.value).sort((a, b) => b.value - a.value);
  const reasons = tables.reasons.map((row) => ({ label: reason(row.reason), value: row.calls, tone: "human" }));
  const coins = (value) => (value === 0 ? "0" : value < 0.1 ? value.toPrecision(1) : value.toFixed(2));
  const answered = series([["end", "end"], ["cloud", "cloud"], ["human", "human"]], ["end", "cloud", "human"]);
  const thumbs = series([["liked", "thumbsUp"], ["disliked", "thumbsDown"]], ["good", "bad"]);
  const verdicts = series([["accepted", "accepted"], ["corrections", "corrections"], ["rejected", "rejected"]], ["good", "human", "bad"]);
  const spent = series([["answers", "answers"]], ["cloud"]);
  const over = tables.feedback.map((row) => ({ ...row, discontent: row.complaint + row["asked again"] + row["asked for a person"] }));
  const voices = series([["thumb", "kind thumb"], ["stars", "kind stars"], ["note", "kind note"], ["discontent", "discontent"], ["correction", "kind correction"]], ["accent", "cloud", "soft", "bad", "human"]);
  const calls = series([["called", "called"], ["came", "came"]], ["human", "good"]);
  const timed = (name, title, rows, shown, format, chart = bars, more = {}) =>
    card(title, t(`${title}Why`, { currency }), name, rows, shown.some(({ key }) => rows.some((row) => (chart === lines ? row[key] ?? null : row[key] || null) !== null)) || more.line
      ? chart({ rows, starts: starts(rows), series: shown, format, label: t(title), ...more }) : null);
  const priced = sums.costs.basis !== "no price";
  const line = priced && sums.costs.all_cloud > 0 ? { key: "all_cloud", label: t("allCloud"), tone: "ink", dashed: true } : null;
  return [
    timed("routes", "routes", tables.routes, answered, one),
    withNote(timed("quality", "quality", tables.quality, thumbs, one), judged(sums.quality)),
    timed("quality", "likedShare", tables.quality, [{ key: "liked_share", label: t("liked"), tone: "good" }], percent, lines, { most: 1 }),
    timed("latency", "firstToken", tables.latency, percentiles("first"), quick, lines),
    withNote(timed("latency", "whole", tables.latency, percentiles("whole"), quick, lines), byRoute(tables.latency_by_route)),
    withNote(timed("costs", "costs", tables.costs, spent, coins, bars, { line }), [priced && line ? t("savedHow", { count: sums.costs.priced_answers }) : "", sums.costs.teaching ? t("teachingNote", { money: money(sums.costs.teaching) }) : ""].filter(Boolean).join(" ")),
    timed("quality", "review", tables.quality, verdicts, one),
    timed("feedback", "feedbackTime", over, voices, one),
    card("feedback", t("feedbackWhy"), "feedback", tables.feedback, feedback.length ? lying({ items: feedback, format: String }) : null),
    timed("handoffs", "handoffs", tables.handoffs, calls.slice(0, 1), one, bars, { line: total(tables.handoffs, "called") ? calls[1] : null }),
    timed("handoffs", "wait", tables.handoffs, percentiles("wait"), quick, lines),
    card("reasons", t("reasonsWhy"), "reasons", tables.reasons, reasons.length ? lying({ items: reasons, format: String }) : null),
  ];
}

/** The middle of end and cloud apart: "End model 0.4 s · Cloud model 2.1 s". */
function byRoute(rows) {
  const known = rows.filter((row) => row.whole_p50 !== null);
  return known.map((row) => `${t(row.route)} ${seconds(row.whole_p50)}`).join(" · ");
}

/** Stars and corrections in a sentence; empty where there are none. */
function judged({ ratings, stars, corrections }) {
  const said = [ratings ? t("starsNote", { stars: stars.toFixed(1), ratings }) : "", corrections ? t("correctionsNote", { corrections }) : ""];
  return said.filter(Boolean).join(" · ");
}

function withNote(shown, note) {
  if (note) shown.append(element("p", { class: "soft small" }, note));
  return shown;
}

function card(title, why, table, rows, chart) {
  return element("section", { class: "card chart-card", "data-card": title },
    element("header", {}, element("h2", {}, t(title)), download(table)),
    element("p", { class: "soft small" }, why),
    chart ?? blank(t("none")),
    chart ? figures(rows) : null);
}

function download(table) {
  return element("a", { class: "button quiet", href: `/dashboard/tables/${table}.csv?period=${period}`, download: "" }, t("csv"));
}

/** The figures behind a chart, with the columns of its CSV file. */
function figures(rows) {
  const columns = Object.keys(rows[0] ?? {});
  const cell = (value, name) => value === null ? "–" : name === "from" ? start(value) : typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(3) : String(value);
  return element("details", {}, element("summary", { class: "soft small" }, t("table")),
    element("div", { class: "table-box" }, element("table", {},
      element("thead", {}, element("tr", {}, ...columns.map((name) => element("th", { scope: "col", class: "number" }, column(name))))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...columns.map((name) => element("td", { class: "number" }, cell(row[name], name)))))))));
}

function column(name) {
  try {
    return t(`column ${name}`);
  } catch {
    return name;
  }
}

function versionsCard(versions) {
  const shown = element("section", { class: "card", "data-card": "versions" },
    element("header", {}, element("h2", {}, t("versions")), download("versions")), element("p", { class: "soft small" }, t("versionsWhy")));
  shown.append(showVersions(versions, t, me, load));
  return shown;
}

function uploadsCard(rows) {
  const names = ["host", "purpose", "count", "size", "masked", "failed"];
  const number = (text) => element("td", { class: "number" }, text);
  const table = () => element("div", { class: "table-box" }, element("table", {},
    element("thead", {}, element("tr", {}, ...names.map((name, at) => element("th", { scope: "col", class: at > 1 ? "number" : "" }, t(name))))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, element("td", {}, row.host), element("td", {}, purpose(row.purpose)), number(String(row.uploads)), number(size(row.size)), number(String(row.masked)), number(String(row.failed)))))));
  return element("section", { class: "card", "data-card": "uploads" },
    element("header", {}, element("h2", {}, t("uploads")), element("span", { class: "tools" }, element("a", { class: "button quiet", href: "/ledger" }, t("everyUpload")), download("uploads"))), element("p", { class: "soft small" }, t("uploadsWhy")),
    rows.length ? table() : blank(t("noUploads")));
}

function purpose(name) {
  return ["label", "takeover", "answer", "audit"].includes(name) ? t(`purpose ${name}`) : name;
}

function reason(text) {
  try {
    return t(`reason ${text}`);
  } catch {
    return text;
  }
}

/** The hour of today, or the day: as the shop's own clock has it. */
function start(text) {
  return period === "today" ? text.slice(11, 16) : `${Number(text.slice(5, 7))}/${Number(text.slice(8, 10))}`;
}

function starts(rows) {
  return rows.map((row) => start(row.from));
}

function total(rows, key) {
  return rows.reduce((sum, row) => sum + row[key], 0);
}

function quick(value) {
  return value >= 10 ? value.toFixed(0) : value === 0 ? "0" : value.toFixed(value < 1 ? 2 : 1);
}

function seconds(value) {
  return language === "zh" ? `${quick(value)} 秒` : `${quick(value)} s`;
}

function size(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
