// The sentences that agents say often: read by all, written by an administrator.

import { api, blank, element, notice, sentence } from "./staff.js";

export async function showCanned(place, t, me) {
  place.replaceChildren(blank(t("loading")));
  let replies;
  try {
    ({ replies } = await api.get("/console/canned"));
  } catch (error) {
    const again = element("button", { class: "button", type: "button", onclick: () => showCanned(place, t, me) }, t("again"));
    return place.replaceChildren(blank(sentence(t, error), "", again));
  }
  if (location.hash !== "#canned") return undefined;
  const head = [element("h1", {}, t("cannedTitle")), element("p", { class: "soft" }, t("cannedWhy"))];
  if (me.role !== "admin") {
    const list = replies.length ? element("ul", { class: "card sentences" }, ...replies.map((reply) => element("li", {}, reply))) : blank(t("cannedNone"));
    return place.replaceChildren(element("div", { class: "page" }, ...head, list, element("p", { class: "soft small" }, t("cannedReadOnly"))));
  }
  const text = element("textarea", { rows: 14, "aria-label": t("cannedLines"), placeholder: t("cannedLines") });
  text.value = replies.join("\n");
  const save = async (event) => {
    event.preventDefault();
    try {
      const list = text.value.split("\n").map((line) => line.trim()).filter(Boolean);
      await api.put("/console/canned", { replies: list });
      text.value = list.join("\n");
      notice(t("cannedSaved"));
    } catch (error) {
      notice(sentence(t, error), "bad");
    }
  };
  return place.replaceChildren(element("div", { class: "page" }, ...head,
    element("form", { class: "card stack", onsubmit: save }, text, element("button", { class: "button primary", type: "submit" }, t("save")))));
}
