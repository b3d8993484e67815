// The time range: what the address says, the quick ranges, the picker, the interval of refreshing.

import { button, h, icon, replace } from "./dom.js";
import { change, query } from "./state.js";
import { when } from "./units.js";

export const QUICK = [
  ["now-5m", "Last 5 minutes"], ["now-15m", "Last 15 minutes"], ["now-30m", "Last 30 minutes"], ["now-1h", "Last hour"], ["now-3h", "Last 3 hours"],
  ["now-6h", "Last 6 hours"], ["now-12h", "Last 12 hours"], ["now-24h", "Last 24 hours"], ["now-2d", "Last 2 days"], ["now-7d", "Last 7 days"],
];
export const REFRESH = ["", "5s", "10s", "30s", "1m", "5m"];
const UNIT = { s: 1, m: 60, h: 3600, d: 86400, w: 604800, M: 2629800, y: 31557600 };
let defaults = { from: "now-15m", to: "now", refresh: "10s" };

/** Say what holds where the address says nothing. */
export function setDefaults(next) {
  defaults = { ...defaults, ...next };
  const shown = document.querySelector(".time-label");
  if (shown) shown.firstChild.data = label(range());
  const every = document.querySelector(".refresh-every");
  if (every) every.value = currentRefresh();
}

export function range() {
  return { from: query().get("from") || defaults.from, to: query().get("to") || defaults.to };
}

export function refreshSeconds() {
  const text = query().has("refresh") ? query().get("refresh") : defaults.refresh;
  const match = /^(\d+)(s|m|h)$/.exec(text ?? "");
  return match ? Number(match[1]) * UNIT[match[2]] : 0;
}

/** Return the milliseconds that a time of the address means. */
export function milliseconds(text, isEnd = false) {
  if (/^\d+$/.test(text)) return Number(text);
  if (!text.startsWith("now")) return Date.parse(text);
  let at = Date.now();
  for (const [, sign, count, unit] of text.slice(3).matchAll(/([+\-/])(\d*)([smhdwMy])/g)) {
    if (sign === "/") at = rounded(at, unit, isEnd);
    else at += (sign === "-" ? -1 : 1) * Number(count || 1) * UNIT[unit] * 1000;
  }
  return at;
}

function rounded(at, unit, isEnd) {
  const date = new Date(at);
  if (unit === "d") date.setHours(isEnd ? 24 : 0, 0, 0, 0);
  else return Math[isEnd ? "ceil" : "floor"](at / (UNIT[unit] * 1000)) * UNIT[unit] * 1000;
  return date.getTime();
}

export function label({ from, to }) {
  const quick = QUICK.find(([start]) => start === from && to === "now");
  if (quick) return quick[1];
  const write = (text, isEnd) => (text.startsWith("now") ? text : when(milliseconds(text, isEnd)));
  return `${write(from)} – ${write(to, true)}`;
}

/** Look at a part of the range. */
export function zoomTo(fromMilliseconds, toMilliseconds) {
  change({ from: Math.round(fromMilliseconds), to: Math.round(toMilliseconds) });
}

export function zoomOut() {
  const { from, to } = range();
  const [start, end] = [milliseconds(from), milliseconds(to, true)];
  const half = (end - start) / 2;
  zoomTo(start - half, Math.min(end + half, Date.now() + half));
}

function shift(direction) {
  const { from, to } = range();
  const [start, end] = [milliseconds(from), milliseconds(to, true)];
  const step = ((end - start) / 2) * direction;
  zoomTo(start + step, end + step);
}

/** Return the picker of the top bar; `refresh` is called for fresh data at once. */
export function picker(refresh) {
  const menu = h("div", { class: "menu time-menu", role: "dialog", "aria-label": "Time range", hidden: true });
  const open = button("Time range", { class: "quiet time-label", "aria-haspopup": "dialog", onclick: () => toggle(menu, () => fill(menu)) }, label(range()), icon("down"));
  const every = h("select", { "aria-label": "Refresh", title: "Refresh", class: "refresh-every", onchange: (event) => change({ refresh: event.target.value }, { replace: true }) },
    REFRESH.map((text) => h("option", { value: text, selected: text === currentRefresh() }, text || "off")));
  return h("div", { class: "group time-picker" },
    button("Earlier", { class: "quiet square wide-only", onclick: () => shift(-1) }, icon("back")),
    open, menu,
    button("Later", { class: "quiet square wide-only", onclick: () => shift(1) }, icon("forward")),
    button("Zoom out", { class: "quiet square", onclick: zoomOut }, icon("zoomOut")),
    button("Refresh", { class: "quiet square", onclick: refresh }, icon("refresh")), every);
}

function currentRefresh() {
  const text = query().has("refresh") ? query().get("refresh") : defaults.refresh;
  return REFRESH.includes(text) ? text : "";
}

/** Open a menu, or close it; a click elsewhere or Escape closes it as well. */
export function toggle(menu, whenOpened = () => {}) {
  if (!menu.hidden) {
    menu.hidden = true;
    return;
  }
  whenOpened();
  menu.hidden = false;
  const close = (event) => {
    if (event.type === "keydown" ? event.key !== "Escape" : menu.contains(event.target) || menu.previousElementSibling?.contains(event.target)) return;
    menu.hidden = true;
    removeEventListener("pointerdown", close);
    removeEventListener("keydown", close);
  };
  addEventListener("pointerdown", close);
  addEventListener("keydown", close);
}

function fill(menu) {
  const now = range();
  const from = h("input", { value: now.from, "aria-label": "From", spellcheck: "false" });
  const to = h("input", { value: now.to, "aria-label": "To", spellcheck: "false" });
  const apply = () => Number.isFinite(milliseconds(from.value)) && Number.isFinite(milliseconds(to.value, true)) && change({ from: asAddress(from.value), to: asAddress(to.value) });
  replace(menu,
    h("div", { class: "quick" }, QUICK.map(([start, name]) => button(name, { class: start === now.from && now.to === "now" ? "chosen" : "", onclick: () => change({ from: start, to: "now" }) }))),
    h("form", { class: "exact", onsubmit: (event) => { event.preventDefault(); apply(); } },
      h("label", {}, "From", from), h("label", {}, "To", to), h("p", { class: "hint" }, "now-15m, 2026-01-31 12:00, or milliseconds"), h("button", { class: "primary" }, "Apply")));
}

function asAddress(text) {
  return text.startsWith("now") || /^\d+$/.test(text) ? text : String(milliseconds(text));
}
