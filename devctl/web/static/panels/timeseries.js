// Lines, areas and bars over time, drawn by uPlot.

import { css, FONT, onCrosshair, shownRange, tellCrosshair, Tip, tipHead, tipRow } from "../chart.js";
import { faded, named, ofSeries, steps } from "../colors.js";
import { button, h, replace } from "../dom.js";
import { dataLinks, near } from "../links.js";
import { zoomTo } from "../time.js";
import { clock, format } from "../units.js";

const MOST_IN_TIP = 24;
const MOST_LEGENDS = 200;
const POWERS = Array.from({ length: 61 }, (_, n) => 2 ** n); // ticks of bytes stand on round numbers of KiB and MiB

export function timeSeries(panel, body, context) {
  return new TimeSeries(panel, body, context);
}

class TimeSeries {
  constructor(panel, body, context) {
    this.panel = panel;
    this.context = context;
    this.plotHolder = h("div", { class: "plot" });
    this.legend = h("div", { class: "legend" });
    this.hidden = new Set();
    const placement = panel.options?.legend?.placement === "right" ? "right" : "bottom";
    this.holder = h("div", { class: `chart legend-${placement}` }, this.plotHolder, this.legend);
    replace(body, this.holder);
    body.chart = this;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.plotHolder);
    this.stopListening = onCrosshair(context, this, (time) => this.follow(time));
  }

  close() {
    this.plot?.destroy();
    this.tip?.close();
    this.observer.disconnect();
    this.stopListening();
  }

  draw(data) {
    this.data = data;
    if (!globalThis.uPlot) {
      replace(this.plotHolder, h("p", { class: "lacking" }, "The chart library is not here. Run ", h("code", {}, "devctl tools install uplot"), " and load this page again."));
      return;
    }
    if (!data.series.length || !data.times.length) {
      this.plot?.destroy();
      this.plot = null;
      replace(this.plotHolder, h("p", { class: "empty" }, this.panel.defaults?.noValue || "No data in this time range"));
      replace(this.legend);
      return;
    }
    this.colors = data.series.map((each, number) => ofSeries(each.config, number, lastOf(each.values)));
    const shape = JSON.stringify([data.series.map((each) => [each.name, each.config]), this.colors, document.documentElement.dataset.theme]);
    this.drawLegend();
    this.stacks = stacked(data, this.hidden);
    if (this.plot && shape === this.shape) {
      this.plot.setData([data.times, ...this.stacks.values], false);
      this.plot.setScale("x", rangeOf(data));
      return;
    }
    this.shape = shape;
    this.plot?.destroy();
    this.plotHolder.replaceChildren();
    this.plot = new uPlot(this.options(), [data.times, ...this.stacks.values], this.plotHolder);
  }

  /** What is drawn, for whoever wants to compare it. */
  shown() {
    return { times: this.data?.times ?? [], series: (this.data?.series ?? []).map(({ name, values, labels }) => ({ name, values, labels })) };
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.plotHolder;
    if (this.plot && width > 20 && height > 20) this.plot.setSize({ width, height });
  }

  annotate(marks) {
    this.marks = marks;
    this.plot?.redraw(false);
  }

  options() {
    const { data } = this;
    const units = [...new Set(data.series.map((each) => scaleOf(each)))];
    return {
      width: Math.max(this.plotHolder.clientWidth, 60), height: Math.max(this.plotHolder.clientHeight, 40),
      legend: { show: false }, padding: [8, 8, 0, 0],
      cursor: { points: { size: 6, width: 0, fill: (u, n) => this.colors[n - 1] }, drag: { x: true, y: false, setScale: false }, focus: { prox: 30 }, y: false },
      focus: { alpha: 1 },
      scales: { x: { time: true, range: () => Object.values(rangeOf(this.data)) }, ...Object.fromEntries(units.map((key) => [key, this.scale(key)])) },
      axes: [this.axis({ space: 64, values: (u, ticks, n, space, step) => ticks.map((tick) => timeLabel(tick, step)) }), ...units.map((key, n) => this.valueAxis(key, n))],
      series: [{}, ...data.series.map((each, n) => this.line(each, n))],
      bands: this.stacks.bands,
      hooks: {
        drawClear: [(u) => this.under(u)], draw: [(u) => this.over(u)],
        setSelect: [(u) => u.select.width > 4 && zoomTo(u.posToVal(u.select.left, "x") * 1000, u.posToVal(u.select.left + u.select.width, "x") * 1000)],
        setCursor: [(u) => this.moved(u)],
        ready: [(u) => { u.over.addEventListener("mouseleave", () => this.left()); u.over.addEventListener("click", (event) => this.clicked(u, event)); }],
      },
    };
  }

  axis(more) {
    return { stroke: css("--muted"), font: FONT, grid: { stroke: css("--grid"), width: 1 }, ticks: { show: false }, gap: 4, size: 24, ...more };
  }

  valueAxis(key, number) {
    const first = this.data.series.find((each) => scaleOf(each) === key);
    const { unit, decimals, custom } = first.config;
    const isRight = custom.axisPlacement === "right" || (number > 0 && custom.axisPlacement !== "left");
    return this.axis({
      scale: key, side: isRight ? 1 : 3, show: custom.axisPlacement !== "hidden", grid: { stroke: css("--grid"), width: 1, show: number === 0 }, incrs: /bytes|bits|^binB|iBs/i.test(unit ?? "") && !/^dec/.test(unit) ? POWERS : undefined,
      label: custom.axisLabel || undefined, labelFont: FONT, labelSize: custom.axisLabel ? 16 : 0, space: 32,
      values: (u, ticks) => ticks.map((tick) => (tick === null ? "" : format(tick, unit, decimals))),
      size: (u, texts) => Math.min(Math.max(...(texts ?? ["0"]).map((each) => each.length), 2) * 6.4 + 10, 96),
    });
  }

  scale(key) {
    const all = this.data.series.filter((each) => scaleOf(each) === key).map((each) => each.config);
    const { scaleDistribution } = all[0].custom;
    const isLog = scaleDistribution?.type === "log";
    const pick = (name, choose) => all.map((each) => each[name] ?? each.custom[name === "min" ? "axisSoftMin" : "axisSoftMax"]).filter((each) => typeof each === "number").reduce((a, b) => (a === null ? b : choose(a, b)), null);
    return {
      distr: isLog ? 3 : 1, log: scaleDistribution?.log === 2 ? 2 : 10,
      range: (u, low, high) => {
        if (low === null) return isLog ? [1, 10] : [0, 1];
        if (isLog) return uPlot.rangeLog(low, high, scaleDistribution?.log === 2 ? 2 : 10, true);
        if (low === high && low === 0) return [pick("min", Math.min) ?? 0, pick("max", Math.max) ?? 1];
        const [least, most] = [pick("min", Math.min), pick("max", Math.max)];
        const [from, to] = uPlot.rangeNum(least !== null && all.some((each) => each.min !== undefined) ? least : Math.min(low, least ?? low), Math.max(high, most ?? high), { min: { pad: 0.05, soft: 0, mode: 2 }, max: { pad: 0.08, soft: 0, mode: 2 } });
        const hardMost = all.find((each) => typeof each.max === "number")?.max;
        return [all.some((each) => typeof each.min === "number") ? least : from, hardMost ?? to];
      },
    };
  }

  line(each, number) {
    const { custom } = each.config;
    const color = this.colors[number];
    const style = custom.drawStyle ?? "line";
    const opacity = (custom.fillOpacity ?? 0) / 100;
    const paths = { smooth: uPlot.paths.spline(), stepBefore: uPlot.paths.stepped({ align: -1 }), stepAfter: uPlot.paths.stepped({ align: 1 }) };
    return {
      label: each.name, scale: scaleOf(each), show: !this.hidden.has(each.name), stroke: color, alpha: 1,
      width: style === "points" ? 0 : custom.lineWidth ?? 1.25,
      fill: opacity ? (custom.gradientMode && custom.gradientMode !== "none" ? (u) => gradient(u, color, opacity) : faded(color, opacity)) : undefined,
      paths: style === "bars" ? uPlot.paths.bars({ size: [0.7, 60] }) : style === "points" ? () => null : paths[custom.lineInterpolation] ?? uPlot.paths.linear(),
      dash: custom.lineStyle?.fill === "dash" ? custom.lineStyle.dash ?? [10, 10] : custom.lineStyle?.fill === "dot" ? [2, 6] : undefined,
      spanGaps: custom.spanNulls === true || custom.spanNulls > 0,
      points: { show: style === "points" || custom.showPoints === "always" || undefined, size: custom.pointSize ?? 5, fill: color, filter: custom.showPoints === "never" && style !== "points" ? lonely : undefined },
    };
  }

  under(u) {
    const [context, { left, top, width, height }] = [u.ctx, u.bbox];
    const config = this.data.series[0].config;
    const mode = config.custom.thresholdsStyle?.mode ?? "off";
    if (!mode.includes("area")) return;
    const marks = steps(config);
    context.save();
    marks.forEach(([value, color], n) => {
      const low = Math.min(Math.max(u.valToPos(Math.max(value, u.scales[scaleOf(this.data.series[0])].min ?? value), scaleOf(this.data.series[0]), true), top), top + height);
      const next = marks[n + 1]?.[0];
      const high = next === undefined ? top : Math.min(Math.max(u.valToPos(next, scaleOf(this.data.series[0]), true), top), top + height);
      context.fillStyle = faded(color, 0.09);
      context.fillRect(left, high, width, Math.max(low - high, 0));
    });
    context.restore();
  }

  over(u) {
    const { ctx: context, bbox: { left, top, width, height } } = u;
    const ratio = devicePixelRatio || 1;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    const config = this.data.series[0].config;
    const mode = config.custom.thresholdsStyle?.mode ?? "off";
    if (mode !== "off" && mode !== "area") {
      context.setLineDash(mode.startsWith("dashed") ? [6 * ratio, 5 * ratio] : []);
      context.lineWidth = ratio;
      for (const [value, color] of steps(config)) {
        if (!Number.isFinite(value)) continue;
        const y = u.valToPos(value, scaleOf(this.data.series[0]), true);
        stroke(context, faded(color, 0.75), [left, y], [left + width, y]);
      }
    }
    this.drawMarks(u, context, ratio);
    this.drawExemplars(u, context, ratio);
    context.restore();
  }

  drawMarks(u, context, ratio) {
    const { top, height } = u.bbox;
    for (const mark of this.marks ?? []) {
      const color = named(mark.color || "red");
      const [x, end] = [u.valToPos(mark.time, "x", true), u.valToPos(mark.end, "x", true)];
      context.setLineDash([3 * ratio, 3 * ratio]);
      context.lineWidth = ratio;
      stroke(context, faded(color, 0.8), [x, top], [x, top + height]);
      context.fillStyle = faded(color, 0.07);
      if (end - x > 2) context.fillRect(x, top, end - x, height);
      context.fillStyle = color;
      context.fillRect(x - 3 * ratio, top + height - 4 * ratio, 6 * ratio, 4 * ratio);
    }
    context.setLineDash([]);
  }

  drawExemplars(u, context, ratio) {
    const key = scaleOf(this.data.series[0]);
    for (const each of this.data.exemplars ?? []) {
      if (each.value === null) continue;
      const [x, y, size] = [u.valToPos(each.time, "x", true), u.valToPos(each.value, key, true), 2.6 * ratio];
      context.fillStyle = faded(css("--accent"), 0.75);
      context.beginPath();
      context.moveTo(x, y - size);
      context.lineTo(x + size, y);
      context.lineTo(x, y + size);
      context.lineTo(x - size, y);
      context.fill();
    }
  }

  moved(u) {
    const { left, top, idx } = u.cursor;
    if (this.isFollowing || left === undefined || left < 0 || idx === null || idx === undefined) return;
    tellCrosshair(this.context, this, u.posToVal(left, "x"));
    const box = u.over.getBoundingClientRect();
    this.tip ??= new Tip();
    if (!this.tip.element.classList.contains("pinned")) this.tip.show(box.left + left, box.top + top, ...this.told(u, idx, top));
  }

  told(u, index, top) {
    const mode = this.panel.options?.tooltip?.mode ?? "multi";
    if (mode === "none") return [tipHead(this.data.times[index])];
    const rows = this.data.series
      .map((each, n) => ({ name: each.name, value: each.values[index], color: this.colors[n], config: each.config, y: Math.abs(u.valToPos(this.stacks.values[n][index] ?? NaN, scaleOf(each)) - top) }))
      .filter((each) => each.value !== null && each.value !== undefined && !this.hidden.has(each.name));
    const nearest = rows.reduce((best, each) => (each.y < (best?.y ?? Infinity) ? each : best), null);
    const shown = mode === "single" && nearest ? [nearest] : rows.sort((a, b) => b.value - a.value).slice(0, MOST_IN_TIP);
    const exemplar = near(this.data.exemplars, (each) => Math.hypot(u.valToPos(each.time, "x") - u.cursor.left, u.valToPos(each.value ?? 0, scaleOf(this.data.series[0])) - top), 10);
    const mark = near(this.marks, (each) => Math.abs(u.valToPos(each.time, "x") - u.cursor.left), 5);
    return [tipHead(this.data.times[index]), ...shown.map((each) => tipRow(each.color, each.name, format(each.value, each.config.unit, each.config.decimals), each === nearest)),
      rows.length > shown.length && mode !== "single" && h("div", { class: "hint" }, `and ${rows.length - shown.length} more`),
      mark && h("div", { class: "tip-mark" }, [mark.title, mark.text, ...mark.tags].filter(Boolean).join(" · ")),
      exemplar && h("div", { class: "tip-mark" }, `◆ one request: ${format(exemplar.value, this.data.series[0].config.unit)}${exemplar.trace ? ` · trace ${exemplar.trace.slice(0, 8)}` : ""}`)];
  }

  left() {
    this.tip?.hide();
    tellCrosshair(this.context, this, null);
  }

  clicked(u, event) {
    const { idx, left, top } = u.cursor;
    if (idx === null || idx === undefined || u.select.width > 4) return;
    const nearest = this.data.series.reduce((best, each, n) => {
      const y = Math.abs(u.valToPos(this.stacks.values[n][idx] ?? NaN, scaleOf(each)) - top);
      return y < (best?.y ?? Infinity) ? { each, y } : best;
    }, null)?.each;
    const exemplar = near(this.data.exemplars, (each) => Math.hypot(u.valToPos(each.time, "x") - left, u.valToPos(each.value ?? 0, scaleOf(this.data.series[0])) - top), 12);
    this.tip ??= new Tip();
    this.tip.show(event.clientX, event.clientY, ...this.told(u, idx, top), h("div", { class: "tip-links" }, dataLinks(nearest, { time: this.data.times[idx], value: nearest?.values[idx], trace: exemplar?.trace })));
    this.tip.pin();
  }

  follow(time) {
    if (!this.plot) return;
    this.isFollowing = true;
    this.plot.setCursor({ left: time === null ? -10 : this.plot.valToPos(time, "x"), top: time === null ? -10 : 0 }, false);
    this.isFollowing = false;
  }

  drawLegend() {
    const options = this.panel.options?.legend ?? {};
    if (options.showLegend === false || options.displayMode === "hidden") return replace(this.legend);
    const calcs = options.calcs ?? [];
    const isTable = options.displayMode === "table" && calcs.length;
    const rows = this.data.series.slice(0, MOST_LEGENDS).filter((each) => !each.config.custom.hideFrom?.legend).map((each, n) => this.legendRow(each, n, calcs));
    const left = this.data.series.length - MOST_LEGENDS;
    const head = isTable && h("div", { class: "legend-row head" }, h("span", {}), calcs.map((calc) => h("b", {}, CALCS[calc] ?? calc)));
    this.legend.classList.toggle("as-table", Boolean(isTable));
    return replace(this.legend, head, ...rows, left > 0 && h("span", { class: "hint" }, `and ${left} more`));
  }

  legendRow(each, number, calcs) {
    const { unit, decimals } = each.config;
    return h("div", { class: `legend-row${this.hidden.has(each.name) ? " off" : ""}` },
      button(each.name, { title: `${each.name}: click to see it alone, with Ctrl to hide it`, onclick: (event) => this.pick(each.name, event.ctrlKey || event.metaKey) }, h("i", { class: "dot", style: { background: this.colors[number] } }), h("span", {}, each.name)),
      calcs.map((calc) => h("b", {}, format(each.figures[calc], ["count", "distinctCount", "changeCount"].includes(calc) ? "short" : unit, decimals))));
  }

  pick(name, isOnlyThis) {
    const names = this.data.series.map((each) => each.name);
    const isAlone = names.every((each) => each === name || this.hidden.has(each)) && !this.hidden.has(name);
    if (isOnlyThis) this.hidden.has(name) ? this.hidden.delete(name) : this.hidden.add(name);
    else this.hidden = isAlone ? new Set() : new Set(names.filter((each) => each !== name));
    this.shape = "";
    this.draw(this.data);
  }
}

/** Return what a tick of the time axis says: the time of day, the date where it changes. */
function timeLabel(seconds, step) {
  const at = new Date(seconds * 1000);
  if (step >= 86400 || (at.getHours() === 0 && at.getMinutes() === 0 && step >= 3600)) return `${at.getMonth() + 1}/${at.getDate()}`;
  return clock(at).slice(0, step < 60 ? 8 : 5);
}

const CALCS = { lastNotNull: "last", last: "last", max: "max", min: "min", mean: "mean", sum: "total", firstNotNull: "first", first: "first", count: "count", range: "range" };

function scaleOf(each) {
  return `y ${each.config.custom.axisPlacement === "right" ? "right " : ""}${each.config.unit ?? ""}`;
}

function rangeOf(data) {
  const [min, max] = shownRange(data);
  return { min, max };
}

function lastOf(values) {
  for (let n = values.length - 1; n >= 0; n -= 1) if (values[n] !== null) return values[n];
  return null;
}

/** Points without a neighbour are drawn even where points are not: nothing else would show them. */
function lonely(u, number, isShown) {
  const values = u.data[number];
  const alone = [];
  for (let n = 0; n < values.length; n += 1) if (values[n] !== null && (values[n - 1] ?? null) === null && (values[n + 1] ?? null) === null) alone.push(n);
  return isShown || alone.length ? alone : null;
}

function gradient(u, color, opacity) {
  const fill = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
  fill.addColorStop(0, faded(color, opacity));
  fill.addColorStop(1, faded(color, 0));
  return fill;
}

function stroke(context, color, from, to) {
  context.strokeStyle = color;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}

/** Return the values as they stand on each other, and the bands between them. */
function stacked(data, hidden) {
  const values = [];
  const bands = [];
  const groups = new Map();
  data.series.forEach((each, n) => {
    const { mode = "none", group = "A" } = each.config.custom.stacking ?? {};
    if (mode === "none" || hidden.has(each.name)) return values.push(each.values);
    const key = `${mode} ${group} ${scaleOf(each)}`;
    const below = groups.get(key);
    const sum = each.values.map((value, at) => (value === null && below === undefined ? null : (value ?? 0) + (below?.sum[at] ?? 0)));
    if (below) bands.push({ series: [n + 1, below.number] });
    groups.set(key, { sum, number: n + 1, members: [...(below?.members ?? []), n] });
    return values.push(sum);
  });
  for (const [key, { sum, members }] of groups) {
    if (key.startsWith("percent")) for (const n of members) values[n] = values[n].map((value, at) => (sum[at] ? (value / sum[at]) * (data.series[n].config.unit === "percentunit" ? 1 : 100) : 0));
  }
  return { values, bands };
}
