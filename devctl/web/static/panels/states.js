// States over time: one lane for each series, one colour for each state.

import { Canvas, css, dragToZoom, onCrosshair, shownRange, tellCrosshair, timeAxis, Tip, tipHead, tipRow } from "../chart.js";
import { byThreshold, classic, mapping, ofValue, readableOn } from "../colors.js";
import { h, replace } from "../dom.js";
import { zoomTo } from "../time.js";
import { duration, format } from "../units.js";

const BOTTOM = 22;

export function states(panel, body, context) {
  return new States(panel, body, context);
}

class States {
  constructor(panel, body, context) {
    this.panel = panel;
    this.context = context;
    this.merges = panel.kind === "state-timeline" && panel.options?.mergeValues !== false;
    this.holder = h("div", { class: "plot whole" });
    this.line = h("div", { class: "crosshair", hidden: true });
    replace(body, this.holder);
    this.canvas = new Canvas(this.holder, (...all) => this.paint(...all));
    this.holder.append(this.line);
    this.canvas.element.addEventListener("mousemove", (event) => this.moved(event));
    this.canvas.element.addEventListener("mouseleave", () => { this.tip?.hide(); tellCrosshair(context, this, null); });
    dragToZoom(this.canvas.element, () => this.area, () => shownRange(this.data), zoomTo);
    this.stopListening = onCrosshair(context, this, (time) => this.follow(time));
    this.area = { left: 0, width: 1 };
    body.chart = { shown: () => ({ times: this.data?.times ?? [], series: this.data?.series.map(({ name, values, labels }) => ({ name, values, labels })) ?? [] }) };
  }

  close() {
    this.canvas.close();
    this.tip?.close();
    this.stopListening();
  }

  draw(data) {
    this.data = data;
    this.lanes = data.series.slice(0, 200).map((each) => ({ each, pieces: pieces(data.times, each.values, this.merges, each.config) }));
    this.texts = [...new Set(data.series.flatMap((each) => each.values).filter((each) => typeof each === "string"))];
    this.canvas.draw();
  }

  color(value, config) {
    if (typeof value === "string" && !mapping(value, config)) return classic(this.texts.indexOf(value));
    return ofValue(value, config);
  }

  text(value, config) {
    return mapping(value, config)?.text ?? format(value, config.unit, config.decimals);
  }

  paint(context, width, height) {
    context.fillStyle = css("--muted");
    if (!this.lanes?.length) {
      context.textAlign = "center";
      context.fillText("No data in this time range", width / 2, height / 2);
      return;
    }
    const left = Math.min(Math.max(...this.lanes.map(({ each }) => context.measureText(each.name).width)) + 12, width * 0.35);
    this.area = { left, top: 2, width: width - left - 6, height: height - BOTTOM - 2 };
    const lane = this.area.height / this.lanes.length;
    const thick = lane * (this.panel.options?.rowHeight ?? 0.85);
    const [start, end] = shownRange(this.data);
    const at = (time) => this.area.left + Math.min(Math.max((time - start) / (end - start), 0), 1) * this.area.width;
    this.lanes.forEach(({ each, pieces: all }, n) => {
      const y = this.area.top + lane * n + (lane - thick) / 2;
      for (const { value, from, to } of all) this.piece(context, { value, config: each.config, x: at(from), right: at(to), y, thick });
      context.fillStyle = css("--muted");
      context.textAlign = "right";
      context.fillText(each.name.length > 34 ? `${each.name.slice(0, 33)}…` : each.name, left - 8, y + thick / 2, left - 8);
    });
    timeAxis(context, [start, end], left, this.area.width, height - BOTTOM / 2);
  }

  piece(context, { value, config, x, right, y, thick }) {
    if (value === null || right <= x) return;
    const color = this.color(value, config);
    const opacity = (config.custom.fillOpacity ?? 80) / 100;
    context.globalAlpha = Math.max(opacity, 0.15);
    context.fillStyle = color;
    context.fillRect(x, y, Math.max(right - x - 1, 1), thick);
    context.globalAlpha = 1;
    const text = this.text(value, config);
    if (this.panel.options?.showValue === "never" || thick < 12 || context.measureText(text).width + 8 > right - x) return;
    context.fillStyle = opacity > 0.5 ? readableOn(color) : css("--text");
    context.textAlign = "left";
    context.fillText(text, x + 4, y + thick / 2);
  }

  moved(event) {
    const { area } = this;
    const box = this.canvas.element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - area.left, event.clientY - box.top - area.top];
    this.tip ??= new Tip();
    if (!this.lanes?.length || x < 0 || x > area.width || y < 0 || y > area.height) return this.tip.hide();
    const [start, end] = shownRange(this.data);
    const time = start + (x / area.width) * (end - start);
    tellCrosshair(this.context, this, time);
    const { each, pieces: all } = this.lanes[Math.min(Math.floor((y / area.height) * this.lanes.length), this.lanes.length - 1)];
    const hit = all.find(({ from, to }) => from <= time && time < to);
    if (!hit || hit.value === null) return this.tip.hide();
    return this.tip.show(event.clientX, event.clientY, tipHead(hit.from), tipRow(this.color(hit.value, each.config), each.name, this.text(hit.value, each.config)), h("div", { class: "hint" }, `for ${duration(hit.to - hit.from)}`));
  }

  follow(time) {
    const [start, end] = shownRange(this.data);
    this.line.hidden = time === null || time < start || time > end;
    if (!this.line.hidden) this.line.style.left = `${this.area.left + ((time - start) / (end - start)) * this.area.width}px`;
  }
}

/** Return the stretches of a lane. */
function pieces(times, values, merges, config) {
  const isByThreshold = config.color?.mode === "thresholds" && !config.mappings?.length;
  const kind = (value) => (isByThreshold && typeof value === "number" ? byThreshold(value, config, "") : value);
  const step = times.length > 1 ? times[1] - times[0] : 15;
  const all = [];
  values.forEach((value, n) => {
    const last = all.at(-1);
    const to = times[n + 1] ?? times[n] + step;
    if (merges && last && kind(last.value) === kind(value)) Object.assign(last, { to, value });
    else all.push({ value, from: times[n], to });
  });
  return all;
}
