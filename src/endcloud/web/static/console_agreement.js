// How far people's verdicts go with the numbers that machines gave the same replies.

import { api, blank, element, percent, sentence, share } from "./staff.js";

const FEW = 30;

export async function showAgreement(place, t) {
  place.replaceChildren(blank(t("loading")));
  let found;
  try {
    found = await api.get("/console/agreement");
  } catch (error) {
    const again = element("button", { class: "button", type: "button", onclick: () => showAgreement(place, t) }, t("again"));
    return place.replaceChildren(blank(sentence(t, error), "", again));
  }
  if (location.hash !== "#agreement") return undefined;
  const rows = found.rows.filter((row) => row.replies);
  const head = [element("h1", {}, t("agreeTitle")), element("p", { class: "soft" }, t("agreeWhy"))];
  if (!rows.length) return place.replaceChildren(element("div", { class: "page" }, ...head, blank(t("agreeNone"), t("agreeNoneWhy"))));
  const number = (text) => element("td", { class: "number" }, text);
  const column = (name) => element("th", { class: "number", scope: "col" }, t(name));
  return place.replaceChildren(element("div", { class: "page" }, ...head,
    element("div", { class: "gauges" }, ...rows.map((row) => gauge(t, row))),
    element("div", { class: "card table-box" }, element("table", {},
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, t("measure")),
        ...["replies", "threshold", "equal", "auc", "trusted", "doubted"].map(column))),
      element("tbody", {}, ...rows.map((row) => element("tr", {},
        element("th", { scope: "row" }, t(`measure ${row.measure}`)), number(String(row.replies)), number(row.threshold.toFixed(2)),
        number(percent(row.equal)), number(row.auc === null ? "–" : row.auc.toFixed(2)),
        number(String(row.trusted_wrongly)), number(String(row.doubted_wrongly))))))),
    found.people.length ? element("p", { class: "soft small" }, t("agreePeople", { people: found.people.join("、") })) : null));
}

function gauge(t, row) {
  return element("section", { class: "card gauge" }, element("h2", {}, t(`measure ${row.measure}`)),
    element("p", { class: "figure" }, percent(row.equal)),
    share({ value: row.equal, of: 1, label: t("equal") }),
    element("p", { class: "soft small" }, `${t("replies")} ${row.replies}${row.replies < FEW ? ` · ${t("few")}` : ""}`));
}
