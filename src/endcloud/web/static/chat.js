// The one line that a shop embeds: <script type="module" src="https://host/chat.js"></script><endcloud-chat></endcloud-chat>
// This file is served at /chat.js; the parts lie under /static/. A browser too old for them shows the page without a chat.

if (CSS.supports("color", "light-dark(#000, #fff)") && "any" in AbortSignal) await import("./static/chat_element.js");
