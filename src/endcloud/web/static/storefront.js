// The demo storefront: asks about a product, and shows what changes when a customer is logged in.
//
// A real shop's backend asks for a customer's token with its service key; here `/demo/token` stands in for it.

import { Api } from "./api.js";
import { keep, kept } from "./i18n.js";
import { dressPage } from "./page.js";
import words from "./words_storefront.js";

const LOGGED_IN = "endcloud:demo-customer";
const VISITOR = "endcloud:demo-visitor";
const login = document.getElementById("login");
const trouble = document.getElementById("trouble");
let t;

const chat = dressPage(words, (translate) => {
  t = translate;
  document.title = t("title");
  chatOf().setAttribute("name", t("name"));
  drawLogin();
});

function chatOf() {
  return document.querySelector("endcloud-chat");
}

function drawLogin() {
  const inside = Boolean(kept(LOGGED_IN));
  login.textContent = t(inside ? "logOut" : "logIn");
  login.classList.toggle("inside", inside);
}

/** The visitor that this browser is to the demo: its name makes the demo customer's. */
async function demoToken() {
  for (const again of [true, false]) {
    const visitor = kept(VISITOR) ?? (await new Api().post("v1/visitors")).token;
    keep(VISITOR, visitor);
    try {
      return (await new Api({ headers: async () => ({ authorization: `Bearer ${visitor}` }) }).post("demo/token")).token;
    } catch (error) {
      if (error.status !== 401 || !again) throw error;
      keep(VISITOR, null);
    }
  }
}

login.addEventListener("click", async () => {
  trouble.hidden = true;
  try {
    if (!kept(LOGGED_IN)) await demoToken();
  } catch {
    trouble.textContent = t("loginFailed");
    trouble.hidden = false;
    return;
  }
  keep(LOGGED_IN, kept(LOGGED_IN) ? null : "yes");
  chat.tokenSource = kept(LOGGED_IN) ? demoToken : null;
  drawLogin();
});

for (const button of document.querySelectorAll("[data-question]")) {
  button.addEventListener("click", () => chat.ask(t(button.dataset.question)));
}
document.getElementById("open").addEventListener("click", () => chat.show());
if (kept(LOGGED_IN)) chat.tokenSource = demoToken;
