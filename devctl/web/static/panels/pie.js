// Shares of a whole.

import { ofSeries } from "../colors.js";
import { h, replace, s } from "../dom.js";
import { format } from "../units.js";

export function pie(panel, body) {
  return {
    draw(data) {
      body.chart = { shown: () => ({ values: data.values.map(({ name, value, labels }) => ({ name, value, labels })) }) };
      const values = data.values.filter((each) => each.value > 0);
      const total = values.reduce((sum, each) => sum + each.value, 0);
      if (!total) return replace(body, h("p", { class: "empty" }, "No data in this time range"));
      const colors = values.map((each, n) => ofSeries({ ...each.config, color: each.config.color?.mode === "fixed" ? each.config.color : { mode: "palette-classic" } }, n));
      const isDonut = panel.options?.pieType === "donut";
      let at = 0;
      const slices = values.map((each, n) => {
        const [from, to] = [at, (at += each.value / total)];
        return s("path", { d: slice(from, to, isDonut ? 28 : 0), fill: colors[n] }, s("title", {}, `${each.name}: ${format(each.value, each.config.unit, each.config.decimals)} (${Math.round((each.value / total) * 100)}%)`));
      });
      const rows = values.map((each, n) => h("div", { class: "legend-row" }, h("i", { class: "dot", style: { background: colors[n] } }), h("span", {}, each.name), h("b", {}, format(each.value, each.config.unit, each.config.decimals)), h("b", {}, `${Math.round((each.value / total) * 100)}%`)));
      return replace(body, h("div", { class: "pie" }, s("svg", { viewBox: "0 0 100 100" }, ...slices), h("div", { class: "legend as-table" }, rows)));
    },
  };
}

function slice(from, to, inner) {
  const point = (share, radius) => `${(50 + radius * Math.sin(share * 2 * Math.PI)).toFixed(2)} ${(50 - radius * Math.cos(share * 2 * Math.PI)).toFixed(2)}`;
  const end = Math.min(to, from + 0.9999);
  const large = end - from > 0.5 ? 1 : 0;
  return inner
    ? `M${point(from, 48)} A48 48 0 ${large} 1 ${point(end, 48)} L${point(end, inner)} A${inner} ${inner} 0 ${large} 0 ${point(from, inner)}Z`
    : `M50 50 L${point(from, 48)} A48 48 0 ${large} 1 ${point(end, 48)}Z`;
}
