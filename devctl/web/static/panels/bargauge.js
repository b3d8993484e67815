// One bar for each value, longest what is most.

import { faded, ofValue } from "../colors.js";
import { h, replace } from "../dom.js";
import { shownText } from "./stat.js";

export function barGauge(panel, body) {
  const { orientation = "auto", displayMode = "gradient", valueMode = "color", showUnfilled = true } = panel.options ?? {};
  return {
    draw(data) {
      body.chart = { shown: () => ({ values: data.values.map(({ name, value, labels, times }) => ({ name, value, labels, time: times?.at(-1) })) }) };
      if (!data.values.length) return replace(body, h("p", { class: "empty" }, panel.defaults?.noValue || "No data in this time range"));
      const isUp = orientation === "vertical";
      const most = Math.max(...data.values.map((each) => each.value ?? 0), 0);
      return replace(body, h("div", { class: `bars ${isUp ? "up" : "across"} mode-${displayMode}` }, data.values.map((each, n) => bar(each, n, most, isUp))));
    },
  };

  function bar(each, number, most, isUp) {
    const { min = 0, max = most || 1 } = each.config;
    const share = Math.min(Math.max(((each.value ?? min) - min) / (max - min || 1), 0), 1) * 100;
    const color = ofValue(each.value, each.config, number);
    const fill = displayMode === "basic" ? color : displayMode === "lcd" ? `repeating-linear-gradient(${isUp ? 0 : 90}deg, ${color} 0 5px, transparent 5px 7px)` : `linear-gradient(${isUp ? 0 : 90}deg, ${faded(color, 0.45)}, ${color})`;
    const text = shownText(each.value, each.config, panel.defaults?.noValue);
    return h("div", { class: "bar", title: `${each.name}: ${text}` }, h("span", { class: "bar-name" }, each.name),
      h("div", { class: `bar-track${showUnfilled ? "" : " bare"}` }, h("div", { class: "bar-fill", style: { [isUp ? "height" : "width"]: `${share}%`, background: fill } })),
      valueMode !== "hidden" && h("b", { style: valueMode === "color" ? { color } : {} }, text));
  }
}
