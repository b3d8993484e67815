// The buckets of a histogram over time: the more, the warmer.

import { Canvas, css, dragToZoom, onCrosshair, shownRange, tellCrosshair, timeAxis, Tip, tipHead, tipRow } from "../chart.js";
import { faded, named, scheme } from "../colors.js";
import { h, replace } from "../dom.js";
import { zoomTo } from "../time.js";
import { format } from "../units.js";

const BOTTOM = 22;

export function heatMap(panel, body, context) {
  return new HeatMap(panel, body, context);
}

class HeatMap {
  constructor(panel, body, context) {
    this.panel = panel;
    this.context = context;
    this.holder = h("div", { class: "plot whole" });
    this.line = h("div", { class: "crosshair", hidden: true });
    replace(body, this.holder);
    this.canvas = new Canvas(this.holder, (...all) => this.paint(...all));
    this.holder.append(this.line);
    this.canvas.element.addEventListener("mousemove", (event) => this.moved(event));
    this.canvas.element.addEventListener("mouseleave", () => { this.tip?.hide(); tellCrosshair(context, this, null); });
    dragToZoom(this.canvas.element, () => this.area, () => shownRange(this.data), zoomTo);
    this.stopListening = onCrosshair(context, this, (time) => this.follow(time));
    this.area = { left: 0, width: 1, top: 0, height: 1 };
    body.chart = { shown: () => ({ times: this.data?.times ?? [], series: (this.data?.buckets ?? []).map((name, n) => ({ name, values: this.data.cells[n] })) }) };
  }

  close() {
    this.canvas.close();
    this.tip?.close();
    this.stopListening();
  }

  draw(data) {
    this.data = data;
    this.most = data.cells.reduce((most, row) => row.reduce((a, b) => Math.max(a, b ?? 0), most), 0);
    this.canvas.draw();
  }

  color(value) {
    const { mode, scheme: name, fill, exponent = 0.5 } = this.panel.options?.color ?? {};
    const share = this.most ? value / this.most : 0;
    return mode === "opacity" ? faded(named(fill, "#6ea8fe"), Math.max(share ** exponent, 0.05)) : scheme(name ?? "Spectral", share ** 0.6);
  }

  paint(context, width, height) {
    const { data } = this;
    context.fillStyle = css("--muted");
    if (!data?.cells.length || !data.times.length || !this.most) {
      context.textAlign = "center";
      context.fillText("No data in this time range", width / 2, height / 2);
      return;
    }
    const labels = data.buckets.map((each) => bound(each, data.unit));
    const left = Math.max(...labels.map((each) => context.measureText(each).width)) + 10;
    this.area = { left, top: 4, width: width - left - 6, height: height - BOTTOM - 4 };
    this.cells(context);
    const rowHeight = this.area.height / labels.length;
    const every = Math.ceil(14 / rowHeight);
    context.fillStyle = css("--muted");
    context.textAlign = "right";
    labels.forEach((each, n) => n % every === 0 && context.fillText(each, left - 6, this.area.top + this.area.height - rowHeight * (n + 0.5)));
    timeAxis(context, shownRange(data), left, this.area.width, height - BOTTOM / 2);
  }

  cells(context) {
    const { data, area } = this;
    const [start, end] = shownRange(data);
    const step = data.times.length > 1 ? data.times[1] - data.times[0] : end - start;
    const cellWidth = (step / (end - start)) * area.width;
    const cellHeight = area.height / data.cells.length;
    data.cells.forEach((row, n) => row.forEach((value, at) => {
      if (!value) return;
      const x = area.left + ((data.times[at] - step - start) / (end - start)) * area.width;
      if (x + cellWidth < area.left || x > area.left + area.width) return;
      const from = Math.max(x, area.left);
      context.fillStyle = this.color(value);
      context.fillRect(from, area.top + area.height - cellHeight * (n + 1), Math.max(x + cellWidth - from - 0.5, 1), Math.max(cellHeight - 0.5, 1));
    }));
  }

  moved(event) {
    const { data, area } = this;
    const box = this.canvas.element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - area.left, event.clientY - box.top - area.top];
    this.tip ??= new Tip();
    if (!data?.cells.length || x < 0 || x > area.width || y < 0 || y > area.height) return this.tip.hide();
    const [start, end] = shownRange(data);
    const time = start + (x / area.width) * (end - start);
    tellCrosshair(this.context, this, time);
    const at = data.times.findIndex((each) => each >= time);
    const row = Math.min(Math.floor((1 - y / area.height) * data.cells.length), data.cells.length - 1);
    const value = at < 0 ? null : data.cells[row][at];
    return this.tip.show(event.clientX, event.clientY, tipHead(at < 0 ? time : data.times[at]), tipRow(value ? this.color(value) : "transparent", `${row ? `${bound(data.buckets[row - 1], data.unit)} to ` : "up to "}${bound(data.buckets[row], data.unit)}`, format(value, "")));
  }

  follow(time) {
    const [start, end] = shownRange(this.data);
    this.line.hidden = time === null || time < start || time > end;
    if (!this.line.hidden) this.line.style.left = `${this.area.left + ((time - start) / (end - start)) * this.area.width}px`;
  }
}

function bound(text, unit) {
  if (text === "+Inf") return "∞";
  const value = Number(text);
  return text === "" || Number.isNaN(value) ? text : format(value, unit);
}
