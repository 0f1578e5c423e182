// The adapter versions: which one answers customers, and, for an administrator, how to change that.

import { api, blank, element, language, moment, notice, sentence } from "./staff.js";

// What the service itself writes as a reason, in the page's language; what people wrote stays as it is.
const REASONS = [
  [/^trained$/, "训练完成"], [/^promoted on the dashboard by ([^:]+)/, "由 $1 在看板上启用"], [/^rolled back on the dashboard by ([^:]+)/, "由 $1 在看板上回退"],
  [/^round (\d+): /, "第 $1 轮："], [/^(\d+%) of conversations meet version (\S+) first\.$/, "先让 $1 的对话用上 $2"],
];

function reasonOf(text) {
  return language === "zh" ? REASONS.reduce((said, [pattern, words]) => said.replace(pattern, words), text ?? "") : text;
}

const TONES = { active: "good", candidate: "warn", retired: "", rejected: "bad" };

/** `changed` is called after a version was promoted or rolled back. */
export function showVersions(versions, t, me, changed) {
  if (!versions.length) return blank(t("noVersions"), t("noVersionsWhy"));
  const admin = me.role === "admin";
  const canGoBack = versions.some((version) => version.standing === "active") && versions.some((version) => version.standing === "retired");
  const columns = ["version", "method", "examples", "score", "standing", "since", "reason"];
  const numbers = new Set(["examples", "score"]);
  const best = Math.max(...versions.map((version) => version.final_score ?? 0));
  const row = (version) => element("tr", { "data-version": version.version, class: version.standing },
    element("th", { scope: "row" }, element("code", {}, version.version.slice(0, 10))),
    element("td", {}, version.method),
    element("td", { class: "number" }, String(version.examples)),
    element("td", { class: `number ${version.final_score === best && best ? "best" : ""}` }, version.final_score === null ? "–" : version.final_score.toFixed(3)),
    element("td", {}, element("span", { class: `chip ${TONES[version.standing] ?? ""}` }, t(`standing ${version.standing}`))),
    element("td", {}, version.since ? moment(version.since) : "–"),
    element("td", { class: "why" }, reasonOf(version.reason)),
    admin ? element("td", { class: "number" }, version.standing === "active" ? goBack() : promote(version)) : null);
  const promote = (version) => element("button", { class: "button", type: "button", "data-act": "promote",
    onclick: () => ask(t, t("promoteAsk", { version: version.version.slice(0, 10) }), async (reason) => {
      const { active } = await api.post(`/dashboard/versions/${encodeURIComponent(version.version)}/promote`, { reason });
      notice(t("promoted", { version: active.slice(0, 10) }));
      changed();
    }) }, t("promote"));
  const goBack = () => !canGoBack ? null : element("button", { class: "button bad", type: "button", "data-act": "roll-back",
    onclick: () => ask(t, t("rollBackAsk"), async (reason) => {
      const { active } = await api.post("/dashboard/versions/roll-back", { reason });
      notice(t("rolledBack", { version: active.slice(0, 10) }));
      changed();
    }) }, t("rollBack"));
  return element("div", {},
    element("div", { class: "table-box" }, element("table", { class: "versions" },
      element("thead", {}, element("tr", {}, ...columns.map((name) => element("th", { scope: "col", class: numbers.has(name) ? "number" : "" }, t(name))), admin ? element("th", {}) : null)),
      element("tbody", {}, ...[...versions].reverse().map(row)))),
    admin ? null : element("p", { class: "soft small" }, t("adminOnly")));
}

/** Asks before something that customers will notice; `act` gets the reason. */
function ask(t, question, act) {
  const reason = element("input", { type: "text", maxlength: 200, id: "reason" });
  const problem = element("p", { class: "problem small", role: "alert" });
  const yes = element("button", { class: "button primary", type: "submit" }, t("yes"));
  const dialog = element("dialog", { class: "card", "aria-labelledby": "question", onclose: () => dialog.remove() },
    element("form", { class: "ask", onsubmit: submit }, element("h2", { id: "question" }, question),
      element("label", { for: "reason", class: "small" }, t("why")), reason, problem,
      element("div", { class: "tools" }, yes, element("button", { class: "button", type: "button", onclick: () => dialog.close() }, t("cancel")))));
  document.body.append(dialog);
  dialog.showModal();

  async function submit(event) {
    event.preventDefault();
    yes.disabled = true;
    problem.textContent = "";
    try {
      await act(reason.value);
      dialog.close();
    } catch (error) {
      problem.textContent = sentence(t, error);
    } finally {
      yes.disabled = false;
    }
  }
}
