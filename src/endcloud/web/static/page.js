// What the storefront and the try page share: language and appearance with their buttons, and the line to embed.

import { chooseLanguage, preferredLanguage, translatePage, translator } from "./i18n.js";
import { THEMES, applyTheme, chooseTheme, chosenTheme } from "./theme.js";

/** Sets the page up; `dressed(t, language)` is called now and after every change of language. */
export function dressPage(words, dressed) {
  const chat = document.querySelector("endcloud-chat");
  const theme = document.getElementById("theme");
  let language = preferredLanguage();

  function draw() {
    const t = translator(words, language);
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    translatePage(document, t);
    theme.textContent = t(`theme_${chosenTheme()}`);
    for (const line of document.querySelectorAll(".embed")) line.textContent = embedding();
    chat.setAttribute("lang", language);
    applyTheme();
    if (chosenTheme() === "auto") chat.removeAttribute("theme");
    else chat.setAttribute("theme", chosenTheme());
    dressed(t, language);
  }

  document.getElementById("language").addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    chooseLanguage(language);
    draw();
  });
  theme.addEventListener("click", () => {
    chooseTheme(THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length]);
    draw();
  });
  draw();
  return chat;
}

function embedding() {
  return `<script type="module" src="${location.origin}/chat.js"></script>\n<endcloud-chat></endcloud-chat>`;
}
