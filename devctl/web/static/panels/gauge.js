// A value on an arc between its limits.

import { css } from "../chart.js";
import { ofValue, steps } from "../colors.js";
import { h, replace, s } from "../dom.js";
import { shownText } from "./stat.js";

const [FROM, TO] = [-210, 30];

export function gauge(panel, body) {
  return {
    draw(data) {
      const values = data.values.length ? data.values : [{ name: panel.title, value: null, config: panel.defaults }];
      body.chart = { shown: () => ({ values: data.values.map(({ name, value, labels, times }) => ({ name, value, labels, time: times?.at(-1) })) }) };
      replace(body, h("div", { class: "gauges" }, values.slice(0, 60).map((each, n) => dial(each, n, values.length > 1))));
    },
  };

  function dial(each, number, hasName) {
    const { min = 0, max = each.config?.unit === "percentunit" ? 1 : 100 } = each.config ?? {};
    const share = Math.min(Math.max(((each.value ?? min) - min) / (max - min || 1), 0), 1);
    const color = ofValue(each.value, each.config, number);
    const marks = panel.options?.showThresholdMarkers !== false ? steps({ ...each.config, min, max }) : [];
    const text = shownText(each.value, each.config, panel.defaults?.noValue);
    const arcs = marks.map(([value, tint], n) => arc(shareOf(Math.max(value, min), min, max), shareOf(marks[n + 1]?.[0] ?? max, min, max), 47, tint, 3));
    return h("div", { class: "gauge", title: `${each.name}: ${text}` },
      s("svg", { viewBox: "0 0 100 78", role: "img", "aria-label": `${each.name} ${text}` }, arc(0, 1, 40, css("--grid"), 9), share > 0 && arc(0, share, 40, color, 9), ...arcs,
        s("text", { x: 50, y: 54, "text-anchor": "middle", class: "gauge-value", fill: color, "font-size": Math.min(17, 120 / Math.max(text.length, 1)) }, text)),
      hasName && h("span", {}, each.name));
  }
}

function shareOf(value, min, max) {
  return Math.min(Math.max((value - min) / (max - min || 1), 0), 1);
}

function arc(from, to, radius, color, width) {
  if (to - from < 0.001) return null;
  const point = (share) => {
    const angle = ((FROM + (TO - FROM) * share) * Math.PI) / 180;
    return `${(50 + radius * Math.cos(angle)).toFixed(2)} ${(50 + radius * Math.sin(angle)).toFixed(2)}`;
  };
  const isLarge = (TO - FROM) * (to - from) > 180 ? 1 : 0;
  return s("path", { d: `M${point(from)} A${radius} ${radius} 0 ${isLarge} 1 ${point(to)}`, fill: "none", stroke: color, "stroke-width": width });
}
