// The language of a page, and its words. Each page has a dictionary of its own (`words_<page>.js`):
//   export default { zh: { send: "发送", left: "还剩 {count} 字" }, en: { send: "Send", left: "{count} characters left" } };
// Chinese is the default; a page follows the browser until somebody chooses otherwise, and remembers the choice.

export const LANGUAGES = ["zh", "en"];
const KEPT = "endcloud:language";

/** What was chosen here before, else what the browser prefers, else Chinese. */
export function preferredLanguage() {
  const chosen = kept(KEPT);
  if (LANGUAGES.includes(chosen)) return chosen;
  return languageOf(navigator.language || "zh");
}

/** "en" for any English, "zh" for everything else. */
export function languageOf(tag) {
  return tag.toLowerCase().startsWith("en") ? "en" : "zh";
}

export function chooseLanguage(language) {
  keep(KEPT, language);
}

/** `t("left", {count: 3})`: the words of a key in a language. An unknown key is an error, found by the tests. */
export function translator(words, language) {
  return (key, values = {}) => {
    const said = words[language][key];
    if (said === undefined) throw new Error(`No words for ${JSON.stringify(key)} in ${JSON.stringify(language)}.`);
    return said.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  };
}

/** Puts words into a page: [data-t] gets text, [data-t-title], [data-t-label] and [data-t-hint] get attributes. */
export function translatePage(root, t) {
  const attributes = { tTitle: "title", tLabel: "aria-label", tHint: "placeholder", tAlt: "alt" };
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const [name, attribute] of Object.entries(attributes)) {
    const selector = `[data-${name.replace(/[A-Z]/g, (sign) => "-" + sign.toLowerCase())}]`;
    for (const element of root.querySelectorAll(selector)) element.setAttribute(attribute, t(element.dataset[name]));
  }
}

/** Local storage that may be forbidden (private windows): then nothing is remembered, and nothing breaks. */
export function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    /* not remembered */
  }
}
