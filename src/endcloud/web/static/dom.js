// Builds elements without markup: every text goes in as text, so nothing that anybody wrote can become an element.

/** `element("button", {class: "send", type: "button", onclick: f, "aria-label": "…"}, "text", child, null)` */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for SVG: `svg("path", {d: "M0 0h8"})`. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-") && typeof value === "boolean") made.setAttribute(name, String(value));
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const PATHS = {
  chat: "M4 5.5h16v11H10l-4.5 3.5v-3.5H4z",
  close: "M6 6l12 12M18 6L6 18",
  send: "M12 19V5M6 11l6-6 6 6",
  up: "M7 10.5V20H4v-9.5zM7 10.5L11 4c1.6 0 2.4 1 2.2 2.4L12.6 10H18a2 2 0 0 1 2 2.4l-1.2 6A2 2 0 0 1 16.8 20H7",
  down: "M17 13.5V4h3v9.5zM17 13.5L13 20c-1.6 0-2.4-1-2.2-2.4l.6-3.6H6a2 2 0 0 1-2-2.4l1.2-6A2 2 0 0 1 7.2 4H17",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  person: "M12 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM5 20c.6-3.8 3.4-5.5 7-5.5s6.400 1.700 7 5.500",
  end: "M5 6h14v10H5zM9 20h6M12 16v4",
  cloud: "M7.500 18.500h9.500a4 4 0 0 0 .6-7.950A5.500 5.500 0 0 0 7 9.600a4.500 4.500 0 0 0 .5 8.900z",
  shop: "M5 9.500V19h14V9.500M3.500 9.500L5.500 5h13l2 4.500zM10 19v-5h4v5",
  warning: "M12 4.500L21 19.500H3zM12 10.500v4M12 17h.01",
  check: "M5 12.500l4.500 4.500L19 7.500",
  later: "M12 5v14M6 13l6 6 6-6",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.500l3 2",
  again: "M19 8a8 8 0 1 0 1 6M19.500 4v4.500H15",
};

/** A line drawing of 24 × 24 in the colour of the text; decoration only, so hidden from screen readers. */
export function icon(name) {
  const shape = { viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true", focusable: "false" };
  const line = { fill: "none", stroke: "currentColor", "stroke-width": name === "more" ? 3 : 1.7 };
  const ends = { "stroke-linecap": "round", "stroke-linejoin": "round" };
  return svg("svg", { ...shape, class: "icon" }, svg("path", { d: PATHS[name], ...line, ...ends }));
}
