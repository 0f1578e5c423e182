// The ledger: every upload, exactly what left in it, and whether the record of it all is whole.

import { api, bar, blank, element, language, loggedIn, notice, sentence, wordsOf } from "./staff.js";
import words from "./words_ledger.js";

const PURPOSES = ["", "answer", "takeover", "label", "audit"];
const CLOCK = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", { dateStyle: "short", timeStyle: "medium" });

const t = wordsOf(words);
document.title = t("title");
await loggedIn(document.body, t);
const place = element("main", { class: "board", "aria-busy": "true" }, blank(t("loading")));
const choice = element("div", { class: "periods", role: "group", "aria-label": t("purpose") });
let purpose = PURPOSES.includes(location.hash.slice(1)) ? location.hash.slice(1) : "";
let asked = 0;

for (const name of PURPOSES) choice.append(element("button", { class: "tab", type: "button", "data-purpose": name, onclick: () => { purpose = name; history.replaceState(null, "", `#${name}`); load(); } }, t(`purpose ${name}`)));
document.body.replaceChildren(bar(t, "ledger", choice), place);
load();

async function load() {
  for (const button of choice.children) button.setAttribute("aria-current", button.dataset.purpose === purpose ? "page" : "false");
  const mine = ++asked;
  try {
    const found = await page(0);
    if (mine === asked) draw(found);
  } catch (error) {
    if (mine === asked) place.replaceChildren(blank(sentence(t, error), "", element("button", { class: "button", type: "button", onclick: () => load() }, t("again"))));
  }
  place.removeAttribute("aria-busy");
}

function page(before) {
  return api.get(`/dashboard/ledger?before=${before}&purpose=${purpose}`);
}

function draw(found) {
  const card = element("section", { class: "card", "data-card": "uploads" },
    element("header", {}, element("h2", {}, t("uploads")), element("span", { class: "soft small" }, t("count", { count: found.count }))),
    element("p", { class: "soft small" }, t("uploadsWhy")),
    found.uploads.length ? table(found) : blank(t(found.count ? "noneSuch" : "noneYet")));
  place.replaceChildren(...[wholeness(), card, found.proofs.length ? proofs(found.proofs) : null].filter(Boolean));
}

function table(found) {
  const columns = ["row", "at", "purpose", "host", "masked", "size", "tokens", "price", "outcome"];
  const numbers = new Set(["size", "tokens", "price"]);
  const body = element("tbody", {}, ...found.uploads.map((one) => line(one, found.currency)));
  const older = element("button", { class: "button", type: "button", hidden: !found.more }, t("older"));
  let last = found.uploads.at(-1).number;
  older.addEventListener("click", async () => {
    older.disabled = true;
    try {
      const next = await page(last);
      body.append(...next.uploads.map((one) => line(one, next.currency)));
      last = next.uploads.at(-1)?.number ?? last;
      older.hidden = !next.more;
    } catch (error) {
      notice(sentence(t, error), "bad");
    } finally {
      older.disabled = false;
    }
  });
  return element("div", {}, element("div", { class: "table-box" }, element("table", { class: "uploads" },
    element("thead", {}, element("tr", {}, ...columns.map((name) => element("th", { scope: "col", class: numbers.has(name) ? "number" : "" }, t(name))))), body)), older);
}

function line(one, currency) {
  const number = (text) => element("td", { class: "number" }, text);
  return element("tr", { "data-row": one.number },
    element("th", { scope: "row" }, element("button", { class: "row", type: "button", "aria-label": t("show", { row: one.number }), onclick: () => show(one, currency) }, String(one.number))),
    element("td", {}, CLOCK.format(new Date(one.at))),
    element("td", {}, purposeOf(one.purpose)),
    element("td", {}, one.host),
    element("td", { class: "masked" }, masked(one) || "–"),
    number(one.size.toLocaleString()),
    number(one.outcome ? (one.tokens.prompt + one.tokens.completion).toLocaleString() : "–"),
    number(price(one, currency)),
    element("td", {}, element("span", { class: `chip ${tone(one)}` }, outcome(one))));
}

async function show(one, currency) {
  try {
    const { messages, digest } = await api.get(`/dashboard/ledger/uploads/${one.id}`);
    const facts = [["upload", one.id], ["at", CLOCK.format(new Date(one.at))], ["purpose", purposeOf(one.purpose)], ["conversation", one.conversation || "–"],
      ["model", t("modelAt", { model: one.model, host: one.host })], ["masked", masked(one) || t("nothing")],
      ["tokens", one.outcome ? t("tokensHow", one.tokens) : "–"], ["price", price(one, currency)], ["outcome", outcome(one)]];
    const close = element("button", { class: "button", type: "button", onclick: () => dialog.close() }, t("close"));
    const dialog = element("dialog", { class: "card said", "aria-labelledby": "said", onclose: () => dialog.remove() },
      element("header", {}, element("h2", { id: "said" }, t("left", { row: one.number })), close),
      element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, t(name)), element("dd", {}, value)]),
        element("dt", {}, t("digest")), element("dd", {}, element("code", {}, digest), ` · ${t("bytes", { size: one.size.toLocaleString() })}`)),
      ...messages.flatMap((message) => [element("h3", {}, t(`role ${message.role}`)), message.erased ? element("p", { class: "soft" }, t("erased")) : element("pre", { tabindex: "0" }, message.content)]));
    document.body.append(dialog);
    dialog.showModal();
  } catch (error) {
    notice(sentence(t, error), "bad");
  }
}

/** Whether the ledger is whole: looked over when somebody asks, since all of it is read. */
function wholeness() {
  const said = element("div", { class: "whole", role: "status" });
  const check = element("button", { class: "button primary", type: "button", "data-act": "verify" }, t("check"));
  check.addEventListener("click", async () => {
    check.disabled = true;
    said.replaceChildren(element("p", { class: "soft" }, t("checking")));
    try {
      said.replaceChildren(...verdict(await api.get("/dashboard/ledger/verification")));
    } catch (error) {
      said.replaceChildren(element("p", { class: "problem" }, sentence(t, error)));
    } finally {
      check.disabled = false;
    }
  });
  return element("section", { class: "card", "data-card": "whole" },
    element("div", { class: "ledger-bar" }, element("h2", {}, t("whole")), check), element("p", { class: "soft small" }, t("wholeWhy")), said);
}

function verdict(found) {
  const notes = ["beyond", "erased", "open"].filter((name) => found[name]).map((name) => element("li", {}, t(`note ${name}`, { count: found[name] })));
  const findings = found.findings.map((finding) => element("li", {}, finding));
  if (found.more) findings.push(element("li", {}, t("more", { count: found.more })));
  return [
    element("p", {}, element("span", { class: `chip ${found.whole ? "good" : "bad"}` }, t(found.whole ? "isWhole" : "isNotWhole")), ` ${t("counted", found)}`),
    findings.length ? element("ul", {}, ...findings) : null,
    notes.length ? element("ul", { class: "soft small" }, ...notes) : null,
    found.rows ? element("p", { class: "small" }, t("head"), " ", element("code", {}, `${found.head.count}:${found.head.digest}`)) : null,
  ].filter(Boolean);
}

function proofs(rows) {
  const columns = ["row", "at", "subject", "gone", "versions"];
  return element("section", { class: "card", "data-card": "proofs" }, element("header", {}, element("h2", {}, t("proofs"))), element("p", { class: "soft small" }, t("proofsWhy")),
    element("div", { class: "table-box" }, element("table", { class: "uploads" },
      element("thead", {}, element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, t(name))))),
      element("tbody", {}, ...rows.map((row) => element("tr", {},
        element("th", { scope: "row" }, String(row.number)), element("td", {}, CLOCK.format(new Date(row.at))), element("td", {}, element("code", {}, row.subject.slice(0, 16))),
        element("td", { class: "masked" }, counted(row.erased, gone)), element("td", {}, row.versions.map((version) => version.slice(0, 8)).join(", ") || "–")))))));
}

function gone(kind) {
  try {
    return t(`gone ${kind}`);
  } catch {
    return kind; // of a later endcloud
  }
}

function counted(counts, named = (kind) => kind) {
  return Object.entries(counts).filter(([, count]) => count).map(([kind, count]) => `${named(kind)} ${count}`).join(language === "zh" ? "、" : ", ") || "–";
}

function masked(one) {
  return counted(one.masked).replace(/^–$/, "");
}

function purposeOf(name) {
  return PURPOSES.includes(name) ? t(`purpose ${name}`) : name;
}

function price(one, currency) {
  return one.price === null ? "–" : `${one.price.toFixed(5)} ${currency}`.trim();
}

function outcome(one) {
  return ["", "stop", "length", "cancelled"].includes(one.outcome) ? t(`outcome ${one.outcome}`) : one.outcome;
}

function tone(one) {
  return { "": "warn", stop: "good", length: "good" }[one.outcome] ?? "bad";
}
