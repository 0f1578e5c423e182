// Charts as SVG, drawn by hand and to the width that there is: stacked bars, lines, and bars lying down. A chart says
// its figures under the pointer and by the arrow keys, and every chart's table is one click away, for readers and
// screen readers alike.

import { element, svg } from "./dom.js";

const HEIGHT = 200;
const EDGE = { top: 12, right: 8, bottom: 24, left: 44 };

/** Stacked bars. `series` are [{key, label, tone}], `starts` the labels along the bottom; `line` is one more series
 *  drawn over the bars; `format` writes a value with its unit. */
export function bars({ rows, starts, series, line = null, format, label }) {
  const highest = top(rows.map((row) => Math.max(sum(row, series), line ? row[line.key] ?? 0 : 0)));
  return framed({ rows, starts, highest, format, label, series: line ? [...series, line] : series, readout: read(rows, starts, line ? [...series, line] : series, format) },
    ({ x, y, width }) => {
      const shapes = rows.flatMap((row, at) => {
        let base = 0;
        return series.map(({ key, tone }) => {
          const value = row[key] ?? 0;
          const from = base;
          base += value;
          return value > 0 ? svg("rect", { class: `fill ${tone}`, x: x(at) + width * 0.14, width: Math.max(1, width * 0.72), y: y(base), height: Math.max(1, y(from) - y(base) - (from ? 1 : 0)), rx: 1.5 }) : null;
        });
      });
      return line ? [...shapes, ...path(rows, line, x, y, width)] : shapes;
    });
}

/** Lines over time; where there is no value the line has a gap. `marks` are moments: [{at: row number, label, tone}]. */
export function lines({ rows, starts, series, format, label, most = null, marks = [] }) {
  const highest = most ?? top(rows.flatMap((row) => series.map(({ key }) => row[key] ?? 0)));
  return framed({ rows, starts, highest, format, label, series, readout: read(rows, starts, series, format) },
    ({ x, y, width }) => [...marks.flatMap((mark) => moment(mark, x, width)), ...series.flatMap((one) => path(rows, one, x, y, width))]);
}

function moment({ at, label, tone }, x, width) {
  const middle = x(at) + width / 2;
  return [svg("line", { class: `mark ${tone}`, x1: middle, x2: middle, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }),
    svg("text", { class: `mark-text ${tone}`, x: middle + 4, y: EDGE.top + 9 }, label)];
}

/** Bars lying down with their words: [{label, value, tone}]. */
export function lying({ items, format }) {
  const most = Math.max(...items.map((item) => item.value), 1e-9);
  return element("ul", { class: "lying" }, ...items.map((item) => {
    const bar = element("span", { class: `lying-bar ${item.tone ?? "accent"}` });
    bar.style.width = `${Math.max(1, (item.value / most) * 100)}%`;
    return element("li", {}, element("span", { class: "lying-label" }, item.label),
      element("span", { class: "lying-track" }, bar), element("span", { class: "lying-value" }, format(item.value)));
  }));
}

export function legend(series) {
  return element("ul", { class: "legend" }, ...series.map(({ label, tone, dashed }) =>
    element("li", {}, element("span", { class: `key ${tone} ${dashed ? "dashed" : ""}` }), label)));
}

function framed({ rows, starts, highest, format, label, series, readout }, shapes) {
  const said = element("p", { class: "readout soft small", "aria-live": "polite" }, "\u00a0");
  const place = element("div", { class: "chart-place" });
  const box = element("div", { class: "chart" }, legend(series), place, said);
  let drawn = 0;
  const draw = (total) => {
    if (Math.abs(total - drawn) < 2 || total < 60) return;
    drawn = total;
    place.replaceChildren(picture({ rows, starts, highest, format, label, readout, said, total }, shapes));
  };
  new ResizeObserver(([entry]) => draw(entry.contentRect.width)).observe(place);
  return box;
}

function picture({ rows, starts, highest, format, label, readout, said, total }, shapes) {
  const left = Math.max(EDGE.left, 9 + 7 * format(highest).length);
  const width = (total - left - EDGE.right) / rows.length;
  const x = (at) => left + at * width;
  const y = (value) => EDGE.top + (HEIGHT - EDGE.top - EDGE.bottom) * (1 - value / highest);
  const chosen = svg("rect", { class: "chosen", y: EDGE.top, height: HEIGHT - EDGE.top - EDGE.bottom, width, visibility: "hidden" });
  let at = -1;
  const choose = (next) => {
    at = Math.max(0, Math.min(rows.length - 1, next));
    chosen.setAttribute("x", x(at));
    chosen.setAttribute("visibility", "visible");
    said.textContent = readout(at);
  };
  const leave = () => {
    chosen.setAttribute("visibility", "hidden");
    said.textContent = "\u00a0";
  };
  const under = (event) => choose(Math.floor((event.offsetX - left) / width));
  const keys = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose(at < 0 ? rows.length - 1 : at + step);
  };
  const grid = [0, 0.5, 1].map((part) => part * highest);
  const every = Math.max(1, Math.ceil(44 / width));
  return svg("svg", { width: total, height: HEIGHT, viewBox: `0 0 ${total} ${HEIGHT}`, role: "img", "aria-label": label, tabindex: 0,
    onpointermove: under, onpointerdown: under, onpointerleave: leave, onkeydown: keys, onblur: leave },
    ...grid.map((value) => svg("line", { class: "grid", x1: left, x2: total - EDGE.right, y1: y(value), y2: y(value) })),
    ...grid.map((value) => svg("text", { class: "axis", x: left - 6, y: y(value) + 4, "text-anchor": "end" }, format(value))),
    chosen,
    ...shapes({ x, y, width }),
    ...starts.map((start, position) => (rows.length - 1 - position) % every === 0
      ? svg("text", { class: "axis", x: x(position) + width / 2, y: HEIGHT - 6, "text-anchor": anchor(position, rows.length, width) }, start) : null));
}

function anchor(position, count, width) {
  if (width > 40) return "middle";
  return position === count - 1 ? "end" : "middle";
}

function path(rows, { key, tone, dashed }, x, y, width) {
  const parts = [];
  let pen = "M";
  rows.forEach((row, at) => {
    const value = row[key];
    if (value === null || value === undefined) {
      pen = "M";
      return;
    }
    parts.push(`${pen}${(x(at) + width / 2).toFixed(1)} ${y(value).toFixed(1)}`);
    pen = "L";
  });
  const dots = rows.flatMap((row, at) => {
    const alone = row[key] !== null && row[key] !== undefined && (rows.length < 12 || (isNone(rows[at - 1], key) && isNone(rows[at + 1], key)));
    return alone ? [svg("circle", { class: `fill ${tone}`, cx: x(at) + width / 2, cy: y(row[key]), r: 2.5 })] : [];
  });
  return [svg("path", { class: `stroke ${tone} ${dashed ? "dashed" : ""}`, d: parts.join(""), fill: "none" }), ...dots];
}

function isNone(row, key) {
  return !row || row[key] === null || row[key] === undefined;
}

function read(rows, starts, series, format) {
  return (at) => `${starts[at]} · ${series.map(({ key, label }) => `${label} ${isNone(rows[at], key) ? "–" : format(rows[at][key])}`).join(" · ")}`;
}

function sum(row, series) {
  return series.reduce((total, { key }) => total + (row[key] ?? 0), 0);
}

/** The end of an axis: the highest value rounded up to a round number. */
export function top(values) {
  const highest = Math.max(...values, 0);
  if (highest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= highest - 1e-12);
}
