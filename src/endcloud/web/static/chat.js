// The one line that a shop embeds: <script type="module" src="https://host/chat.js"></script><endcloud-chat></endcloud-chat>
// This file is served at /chat.js; the parts lie under /static/.

import "./static/chat_element.js";
