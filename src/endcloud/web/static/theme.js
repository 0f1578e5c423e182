// Light or dark: as the system is, until somebody chooses. Used by pages; the chat has its own attribute.

import { keep, kept } from "./i18n.js";

const KEPT = "endcloud:theme";
export const THEMES = ["auto", "light", "dark"];

export function chosenTheme() {
  const chosen = kept(KEPT);
  return THEMES.includes(chosen) ? chosen : "auto";
}

/** Sets the theme on an element (a page's root, a component) and remembers it. */
export function chooseTheme(theme, element = document.documentElement) {
  keep(KEPT, theme === "auto" ? null : theme);
  applyTheme(element, theme);
}

export function applyTheme(element = document.documentElement, theme = chosenTheme()) {
  if (theme === "auto") element.removeAttribute("data-theme");
  else element.setAttribute("data-theme", theme);
}
