// What all drawings over time share: the crosshair, the tool tip, the time axis, the size of a canvas.

import { h, replace } from "./dom.js";
import { range, milliseconds } from "./time.js";
import { clock } from "./units.js";

export const FONT = '11px Inter, "Helvetica Neue", system-ui, sans-serif';

export function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Tell the other panels of a board where the crosshair is. */
export function tellCrosshair(context, source, time) {
  if (!context.board.board?.crosshair) return;
  context.board.element.dispatchEvent(new CustomEvent("crosshair", { detail: { source, time } }));
}

/** Call `move(time)` (null: it left) when another panel has the crosshair. Returns what ends it. */
export function onCrosshair(context, source, move) {
  const listener = ({ detail }) => detail.source !== source && move(detail.time);
  context.board.element.addEventListener("crosshair", listener);
  return () => context.board.element.removeEventListener("crosshair", listener);
}

export class Tip {
  constructor() {
    this.element = h("div", { class: "tip", role: "tooltip", hidden: true });
    document.body.append(this.element);
  }

  show(x, y, ...children) {
    replace(this.element, ...children);
    this.element.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.element;
    this.element.style.left = `${x + 14 + width > innerWidth ? Math.max(x - width - 14, 4) : x + 14}px`;
    this.element.style.top = `${Math.max(Math.min(y + 12, innerHeight - height - 6), 4)}px`;
  }

  hide() {
    if (!this.element.classList.contains("pinned")) this.element.hidden = true;
  }

  pin() {
    this.element.classList.add("pinned");
    const leave = (event) => {
      if (this.element.contains(event.target) && event.type !== "keydown") return;
      if (event.type === "keydown" && event.key !== "Escape") return;
      this.element.classList.remove("pinned");
      this.element.hidden = true;
      removeEventListener("pointerdown", leave);
      removeEventListener("keydown", leave);
    };
    addEventListener("pointerdown", leave);
    addEventListener("keydown", leave);
  }

  close() {
    this.element.remove();
  }
}

export function tipHead(seconds) {
  const at = new Date(seconds * 1000);
  return h("div", { class: "tip-time" }, `${at.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short" })} ${clock(at)}`);
}

export function tipRow(color, name, value, isStrong = false) {
  return h("div", { class: `tip-row${isStrong ? " strong" : ""}` }, h("i", { class: "dot", style: { background: color } }), h("span", {}, name), h("b", {}, value));
}

/** Return the range that is looked at, in seconds. */
export function shownRange(data) {
  if (data?.span) return data.span;
  const { from, to } = range();
  return [milliseconds(from) / 1000, milliseconds(to, true) / 1000];
}

/** Return a canvas that follows the size of its holder and is drawn by `paint(context, width, height)`. */
export class Canvas {
  constructor(holder, paint) {
    this.element = h("canvas", { class: "drawing" });
    this.paint = paint;
    this.holder = holder;
    holder.replaceChildren(this.element);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(holder);
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.holder;
    if (!width || !height) return;
    const ratio = devicePixelRatio || 1;
    this.element.width = Math.round(width * ratio);
    this.element.height = Math.round(height * ratio);
    this.element.style.width = `${width}px`;
    this.element.style.height = `${height}px`;
    const context = this.element.getContext("2d");
    context.scale(ratio, ratio);
    context.font = FONT;
    context.textBaseline = "middle";
    this.paint(context, width, height);
  }

  close() {
    this.observer.disconnect();
  }
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

/** Draw the times below a drawing. */
export function timeAxis(context, [start, end], left, width, y) {
  const step = STEPS.find((each) => (width / (end - start)) * each > 70) ?? 2592000;
  const shift = new Date(start * 1000).getTimezoneOffset() * 60;
  context.fillStyle = css("--muted");
  context.textAlign = "center";
  for (let at = Math.ceil((start - shift) / step) * step + shift; at <= end; at += step) {
    const x = left + ((at - start) / (end - start)) * width;
    const date = new Date(at * 1000);
    const text = step >= 86400 ? `${date.getMonth() + 1}/${date.getDate()}` : clock(date).slice(0, step < 60 ? 8 : 5);
    if (x > left + 16 && x < left + width - 16) context.fillText(text, x, y);
  }
}

/** Let a drag over a drawing choose a range of time. */
export function dragToZoom(element, area, times, zoom) {
  let from = null;
  const mark = h("div", { class: "drag-mark", hidden: true });
  element.parentElement.append(mark);
  const at = (event) => {
    const box = element.getBoundingClientRect();
    const { left, width } = area();
    return Math.min(Math.max(event.clientX - box.left, left), left + width);
  };
  element.addEventListener("pointerdown", (event) => { if (event.button === 0) { from = at(event); element.setPointerCapture(event.pointerId); } });
  element.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const to = at(event);
    mark.hidden = Math.abs(to - from) < 4;
    Object.assign(mark.style, { left: `${Math.min(from, to)}px`, width: `${Math.abs(to - from)}px` });
  });
  element.addEventListener("pointerup", (event) => {
    const [start, end] = times();
    const { left, width } = area();
    const to = at(event);
    const [low, high] = [Math.min(from ?? to, to), Math.max(from ?? to, to)];
    from = null;
    mark.hidden = true;
    if (high - low > 4) zoom((start + ((low - left) / width) * (end - start)) * 1000, (start + ((high - left) / width) * (end - start)) * 1000);
  });
}
