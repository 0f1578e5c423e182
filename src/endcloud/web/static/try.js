// The page at / where a real shop is served: its chat, to try, and how it comes onto the shop's own page.

import { Api } from "./api.js";
import { dressPage } from "./page.js";
import words from "./words_storefront.js";

const shop = new Api().get("v1/shop").catch(() => ({ name: "" }));

dressPage(words, async (t) => {
  const { name } = await shop;
  document.title = t("tryTitle", { shop: name || "endcloud" });
  document.getElementById("shop").textContent = name || "endcloud";
});
