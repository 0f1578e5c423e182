// The console: conversations for agents, the review queue for reviewers. This file holds the tabs; each tab is a module.

import { showAgreement } from "./console_agreement.js";
import { showCanned } from "./console_canned.js";
import { Evolution } from "./console_evolution.js";
import { Reviews } from "./console_reviews.js";
import { Talks } from "./console_talks.js";
import { bar, element, loggedIn, wordsOf } from "./staff.js";
import words from "./words_console.js";

const t = wordsOf(words);
document.title = t("title");
const me = await loggedIn(document.body, t);
const reviews = me.role !== "agent";
const TABS = ["talks", ...(reviews ? ["reviews", "evolution", "agreement"] : []), "canned"];

const buttons = new Map();
const connection = element("span", { class: "connection", role: "status" });
const tabs = element("nav", { class: "tabs", "aria-label": t("tabs") });
const place = element("main", { class: "place" });
const alarm = element("button", { class: "button quiet alarm", type: "button", title: t("alertHint") });
const talks = new Talks({ t, me, connection, alarm, count: (number) => counted("talks", number) });
const reviewing = new Reviews({ t, me, count: (number) => counted("reviews", number) });
const evolution = new Evolution({ t, count: (number) => counted("evolution", number) });

for (const name of TABS) {
  const number = element("span", { class: "count", hidden: true });
  const button = element("button", { type: "button", class: "tab", onclick: () => (location.hash = name) }, t(name), number);
  buttons.set(name, { button, number });
  tabs.append(button);
}
document.body.replaceChildren(bar(t, "console", tabs, alarm, connection), place);
addEventListener("hashchange", show);
talks.start();
if (reviews) {
  reviewing.load();
  evolution.load();
}
show();

function show() {
  const [name, part = ""] = location.hash.slice(1).split("/");
  const chosen = TABS.includes(name) ? name : "talks";
  for (const [tab, { button }] of buttons) button.setAttribute("aria-current", tab === chosen ? "page" : "false");
  reviewing.hide();
  evolution.hide();
  if (chosen === "talks") talks.show(place, decodeURIComponent(part));
  else if (chosen === "reviews") reviewing.show(place);
  else if (chosen === "evolution") evolution.show(place, part);
  else if (chosen === "agreement") showAgreement(place, t);
  else showCanned(place, t, me);
}

function counted(name, number) {
  const shown = buttons.get(name)?.number;
  if (!shown) return;
  shown.textContent = number > 99 ? "99+" : String(number);
  shown.hidden = number === 0;
  shown.classList.toggle("hot", name === "talks");
}
