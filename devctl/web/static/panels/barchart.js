// Bars by name: grouped or stacked, upright or lying; and the histogram, which makes its own groups.

import { Canvas, css, Tip, tipRow } from "../chart.js";
import { ofSeries } from "../colors.js";
import { h, replace } from "../dom.js";
import { format, when } from "../units.js";

export function barChart(panel, body) {
  return new Bars(panel, body, (data) => fromTable(data.tables[0], panel.options ?? {}));
}

export function histogram(panel, body) {
  return new Bars(panel, body, (data) => counted(data.tables, panel.options ?? {}));
}

class Bars {
  constructor(panel, body, read) {
    this.panel = panel;
    this.body = body;
    this.read = read;
    this.holder = h("div", { class: "plot" });
    this.legend = h("div", { class: "legend" });
    replace(body, h("div", { class: "chart legend-bottom" }, this.holder, this.legend));
    this.canvas = new Canvas(this.holder, (...all) => this.paint(...all));
    this.canvas.element.addEventListener("mousemove", (event) => this.moved(event));
    this.canvas.element.addEventListener("mouseleave", () => this.tip?.hide());
    body.chart = { shown: () => ({ names: this.bars?.names ?? [], series: this.bars?.series.map(({ name, values }) => ({ name, values })) ?? [] }) };
  }

  close() {
    this.canvas.close();
    this.tip?.close();
  }

  draw(data) {
    this.bars = data.tables.length ? this.read(data) : { names: [], series: [] };
    this.colors = this.bars.series.map((each, n) => ofSeries(each.config, n, each.values.at(-1)));
    const isNamed = this.bars.series.length > 1 && this.panel.options?.legend?.showLegend !== false;
    replace(this.legend, ...(isNamed ? this.bars.series.map((each, n) => h("div", { class: "legend-row" }, h("i", { class: "dot", style: { background: this.colors[n] } }), h("span", {}, each.name))) : []));
    this.canvas.draw();
  }

  paint(context, width, height) {
    const { names, series } = this.bars ?? { names: [], series: [] };
    context.fillStyle = css("--muted");
    if (!names.length || !series.length) {
      context.textAlign = "center";
      context.fillText("No data in this time range", width / 2, height / 2);
      return;
    }
    const isLying = this.panel.options?.orientation === "horizontal";
    const stacks = ["normal", "percent"].includes(this.panel.options?.stacking);
    const sums = names.map((_, n) => series.map((each) => each.values[n] ?? 0));
    const most = Math.max(...sums.map((all) => (stacks ? all.reduce((a, b) => a + b, 0) : Math.max(...all))), 0) || 1;
    const least = Math.min(0, ...sums.flat());
    const area = isLying ? { left: Math.min(longest(context, names) + 10, width * 0.4), top: 4, width: 0, height: height - 22 } : { left: 48, top: 6, width: 0, height: height - 26 };
    area.width = width - area.left - 8;
    this.boxes = [];
    const length = isLying ? area.width : area.height;
    const at = (value) => ((value - least) / (most - least)) * length;
    this.scale(context, area, at, least, most, isLying);
    const slot = (isLying ? area.height : area.width) / names.length;
    names.forEach((name, n) => this.group(context, { name, n, slot, area, at, isLying, stacks, all: sums[n] }));
  }

  scale(context, area, at, least, most, isLying) {
    const { unit, decimals } = this.bars.series[0].config;
    context.strokeStyle = css("--grid");
    for (let n = 0; n <= 4; n += 1) {
      const value = least + ((most - least) * n) / 4;
      const [x, y] = isLying ? [area.left + at(value), area.top + area.height] : [area.left, area.top + area.height - at(value)];
      context.beginPath();
      context.moveTo(x, isLying ? area.top : y);
      context.lineTo(isLying ? x : area.left + area.width, y);
      context.stroke();
      context.textAlign = isLying ? "center" : "right";
      context.fillText(format(value, unit, decimals), isLying ? x : x - 6, isLying ? y + 10 : y);
    }
  }

  group(context, { name, n, slot, area, at, isLying, stacks, all }) {
    const start = (isLying ? area.top : area.left) + slot * n + slot * 0.12;
    const thick = stacks ? slot * 0.76 : (slot * 0.76) / all.length;
    let sum = 0;
    all.forEach((value, k) => {
      const low = at(stacks ? sum : Math.min(value, 0));
      const size = stacks ? at(sum + value) - at(sum) : at(Math.max(value, 0)) - low;
      const across = start + (stacks ? 0 : thick * k);
      const box = isLying ? [area.left + low, across, size, Math.max(thick - 1, 1)] : [across, area.top + area.height - low - size, Math.max(thick - 1, 1), size];
      context.fillStyle = this.colors[k];
      context.fillRect(...box);
      this.boxes.push({ box, name, value, k });
      sum += value;
    });
    context.fillStyle = css("--muted");
    context.textAlign = isLying ? "right" : "center";
    if (isLying && slot < 11 && n % Math.ceil(12 / slot)) return;
    if (isLying) context.fillText(cut(name, 40), area.left - 6, start + slot * 0.38);
    else if (slot > 24 || n % Math.ceil(44 / slot) === 0) context.fillText(cut(name, Math.max(Math.floor(slot / 6), 5)), start + slot * 0.38, area.top + area.height + 12);
  }

  moved(event) {
    const area = this.canvas.element.getBoundingClientRect();
    const [x, y] = [event.clientX - area.left, event.clientY - area.top];
    const hit = this.boxes?.find(({ box: [left, top, width, height] }) => x >= left && x <= left + width && y >= top - 3 && y <= top + height + 3);
    this.tip ??= new Tip();
    if (!hit) return this.tip.hide();
    const each = this.bars.series[hit.k];
    return this.tip.show(event.clientX, event.clientY, h("div", { class: "tip-time" }, hit.name), tipRow(this.colors[hit.k], each.name, format(hit.value, each.config.unit, each.config.decimals)));
  }
}

function longest(context, names) {
  return Math.max(...names.map((each) => context.measureText(cut(each, 40)).width));
}

function cut(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function fromTable(table, options) {
  const wish = table.columns.find((each) => each.name === options.xField);
  const names = wish ?? table.columns.find((each) => each.kind === "string") ?? table.columns.find((each) => each.kind === "time");
  const series = table.columns.filter((each) => each.kind === "number" && each !== names);
  const write = (value) => (names?.kind === "time" ? when(value * 1000).slice(11) : String(value ?? ""));
  return { names: (names?.values ?? series[0]?.values.map((_, n) => n + 1) ?? []).slice(0, 400).map(write), series };
}

function counted(tables, options) {
  const columns = tables.flatMap((table) => table.columns.filter((each) => each.kind === "number"));
  const all = columns.flatMap((each) => each.values).filter((each) => typeof each === "number");
  if (!all.length) return { names: [], series: [] };
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const size = options.bucketSize > 0 ? options.bucketSize : (high - low) / (options.bucketCount > 0 ? options.bucketCount : 20) || 1;
  const count = Math.min(Math.floor((high - low) / size) + 1, 500);
  const values = Array.from({ length: count }, () => 0);
  for (const each of all) values[Math.min(Math.floor((each - low) / size), count - 1)] += 1;
  const { unit, decimals } = columns[0].config;
  return { names: values.map((_, n) => format(low + n * size, unit, decimals)), series: [{ name: "count", values, config: { custom: {} } }] };
}
