// What console and dashboard share: the login by key, the bar at the top, small notices, numbers and times in words.
// The cookie of the login is out of reach of scripts; the secret (csrf) that writing needs is kept in memory only.

import { Api } from "./api.js";
import { element, icon } from "./dom.js";
import { chooseLanguage, preferredLanguage, translator } from "./i18n.js";
import { applyTheme, chosenTheme, chooseTheme, THEMES } from "./theme.js";
import staffWords from "./words_staff.js";

export const language = preferredLanguage();
const session = { csrf: "", name: "", role: "" };

export const api = new Api({
  headers: async () => (session.csrf ? { "x-csrf-token": session.csrf } : {}),
  renew: async () => {
    if (session.csrf) location.reload(); // the login has ended: the page begins again with the login
    return false;
  },
});

/** The words of a page together with those of all staff pages. */
export function wordsOf(pageWords) {
  const words = { zh: { ...staffWords.zh, ...pageWords.zh }, en: { ...staffWords.en, ...pageWords.en } };
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  return translator(words, language);
}

/** Who is logged in: {name, role}; asks for a key first where nobody is. `root` is where the login form stands. */
export async function loggedIn(root, t) {
  applyTheme();
  if (!document.cookie.includes("endcloud_staff_here=")) return askForKey(root, t); // nobody has logged in: no need to ask
  try {
    return Object.assign(session, await api.get("/console/session"));
  } catch (error) {
    if (error.status !== 401 && error.status !== 403) return failed(root, t, error);
  }
  return askForKey(root, t);
}

function askForKey(root, t) {
  return new Promise((resolve) => {
    const problem = element("p", { class: "problem", role: "alert" });
    const key = element("input", {
      id: "key", type: "password", autocomplete: "current-password", spellcheck: "false", required: true,
      placeholder: "ec_…", "aria-describedby": "key-hint",
    });
    const enter = element("button", { class: "button primary", type: "submit" }, t("login"));
    const submit = async (event) => {
      event.preventDefault();
      problem.textContent = "";
      enter.disabled = true;
      try {
        Object.assign(session, await api.post("/console/session", { key: key.value.trim() }));
        root.replaceChildren();
        resolve(session);
      } catch (error) {
        problem.textContent = error.status === 401 ? t("wrongKey") : sentence(t, error);
        key.select();
      } finally {
        enter.disabled = false;
      }
    };
    root.replaceChildren(
      element("main", { class: "login" },
        element("form", { class: "card", onsubmit: submit },
          element("h1", {}, t("title")),
          element("p", { class: "soft" }, t("loginWhy")),
          element("label", { for: "key" }, t("key")),
          key,
          element("p", { class: "soft small", id: "key-hint" }, t("keyHint")),
          problem,
          enter,
          element("div", { class: "login-choices" }, languageSwitch(t), themeSwitch(t)),
        ),
      ),
    );
    key.focus();
  });
}

function failed(root, t, error) {
  root.replaceChildren(
    element("main", { class: "login" },
      element("div", { class: "card" },
        element("h1", {}, t("title")),
        element("p", { class: "problem", role: "alert" }, sentence(t, error)),
        element("button", { class: "button primary", type: "button", onclick: () => location.reload() }, t("again")),
      ),
    ),
  );
  return new Promise(() => {});
}

/** The bar at the top: `middle` are the page's own things, such as tabs. */
export function bar(t, current, ...middle) {
  const place = (name, path) =>
    element("a", { href: path, "aria-current": current === name ? "page" : false }, t(name));
  return element("header", { class: "bar" },
    element("nav", { class: "places", "aria-label": t("pages") }, place("console", "/console"),
      session.role === "agent" ? null : place("dashboard", "/dashboard"),
      session.role === "agent" ? null : place("ledger", "/ledger")),
    ...middle,
    element("div", { class: "bar-end" },
      languageSwitch(t),
      themeSwitch(t),
      element("span", { class: "who", title: t(`role_${session.role}`) }, session.name),
      element("button", { class: "button quiet", type: "button", onclick: logOut }, t("logout")),
    ),
  );
}

async function logOut() {
  try {
    await api.delete("/console/session");
  } finally {
    location.reload();
  }
}

function languageSwitch(t) {
  const other = language === "zh" ? "en" : "zh";
  const change = () => {
    chooseLanguage(other);
    location.reload();
  };
  return element("button", { class: "button quiet", type: "button", lang: other, onclick: change, title: t("language") },
    other === "zh" ? "中文" : "English");
}

function themeSwitch(t) {
  const button = element("button", { class: "button quiet", type: "button", title: t("theme") });
  const show = () => (button.textContent = t(`theme_${chosenTheme()}`));
  button.addEventListener("click", () => {
    chooseTheme(THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length]);
    show();
  });
  show();
  return button;
}

const notices = element("div", { class: "notices", role: "status", "aria-live": "polite" });

/** A sentence at the edge of the page for a few seconds; `kind` is "good", "warn" or "bad". */
export function notice(text, kind = "good") {
  if (!notices.isConnected) document.body.append(notices);
  const shown = element("p", { class: `notice ${kind}` }, text);
  notices.append(shown);
  while (notices.children.length > 3) notices.firstChild.remove();
  setTimeout(() => shown.remove(), kind === "good" ? 4000 : 9000);
}

/** One share of a whole as a bar, such as the budget. */
export function share({ value, of, label, tone = "accent" }) {
  const bar = element("span", { class: `share-bar ${tone}` });
  bar.style.width = `${of > 0 ? Math.min(100, (value / of) * 100) : 0}%`;
  return element("span", { class: "share", role: "img", "aria-label": label }, bar);
}

/** What an error says to people: our own words where we have them, else the service's. */
export function sentence(t, error) {
  if (error.status === 0) return t("unreached");
  if (error.status === 403) return t("forbidden");
  if (error.status === 429 || error.status === 503) return t("busy");
  return error.message || t("unforeseen");
}

/** A state that fills the place of what is not there: nothing yet, an error with a button, or waiting. */
export function blank(title, text = "", action = null) {
  return element("div", { class: "blank" }, element("p", { class: "blank-title" }, title),
    text ? element("p", { class: "soft" }, text) : null, action);
}

/** 85 → "1 min 25 s" / "1 分 25 秒". */
export function duration(seconds) {
  const [h, m, s] = language === "zh" ? [" 小时 ", " 分 ", " 秒"] : [" h ", " min ", " s"];
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}${s}`;
  if (whole < 3600) return `${Math.floor(whole / 60)}${m}${whole % 60}${s}`;
  return `${Math.floor(whole / 3600)}${h}${Math.floor((whole % 3600) / 60)}${m}`.trimEnd();
}

const TIME = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", { hour: "2-digit", minute: "2-digit" });
const DATE = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", {
  month: language === "zh" ? "numeric" : "short", day: "numeric", hour: "2-digit", minute: "2-digit",
});

/** The hour for today, the date as well for other days. */
export function moment(text, now = new Date()) {
  const at = new Date(text);
  return at.toDateString() === now.toDateString() ? TIME.format(at) : DATE.format(at);
}

/** How sure the model was: a probability where it was calibrated, and else called what it is. */
export function sureness(t, probability) {
  return t(session.calibrated ? "sure" : "sureRaw", { share: percent(probability) });
}

export function percent(share, digits = 0) {
  return share === null || share === undefined ? "–" : `${(share * 100).toFixed(digits)} %`;
}

export { element, icon };
