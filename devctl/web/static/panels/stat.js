// One number, large, with the line behind it.

import { faded, mapping, ofValue, readableOn } from "../colors.js";
import { h, replace, s } from "../dom.js";
import { dataLinks } from "../links.js";
import { format } from "../units.js";

export function stat(panel, body) {
  const { colorMode = "value", graphMode = "area", textMode = "auto", orientation = "auto" } = panel.options ?? {};
  return {
    draw(data) {
      const values = data.values.length ? data.values : [{ name: panel.title, value: null, config: panel.defaults, line: [] }];
      const isWide = orientation === "horizontal" || (orientation === "auto" && body.clientWidth < body.clientHeight * 1.4);
      body.chart = { shown: () => ({ values: data.values.map(({ name, value, labels, times }) => ({ name, value, labels, time: times?.at(-1) })) }) };
      replace(body, h("div", { class: `stats ${isWide ? "below" : "beside"}` }, values.map((each, n) => cell(each, n, values.length))));
    },
  };

  function cell(each, number, count) {
    const color = ofValue(each.value, each.config, number);
    const isFilled = colorMode.startsWith("background");
    const text = shownText(each.value, each.config, panel.defaults?.noValue);
    const showsName = textMode === "name" || textMode === "value_and_name" || (textMode === "auto" && count > 1);
    const style = isFilled ? { background: color, color: readableOn(color) } : {};
    const [link] = dataLinks({ ...each, config: each.config });
    return h("div", { class: "stat", style, title: `${each.name}: ${text}` },
      graphMode !== "none" && each.line?.length > 1 && spark(each.line, isFilled ? "#ffffff" : color),
      h("div", { class: "stat-text" }, showsName && h("span", { class: "stat-name" }, each.name),
        textMode !== "name" && textMode !== "none" && h(link ? "a" : "strong", { class: "stat-value", href: link?.getAttribute("href") ?? null, style: colorMode === "value" ? { color } : {} }, text)));
  }
}

/** Return how a single value is written: by its mapping, what the board says of no value, or its unit. */
export function shownText(value, config, empty) {
  const mapped = mapping(value, config);
  if (mapped?.text) return mapped.text;
  if (value === null || value === undefined) return empty ?? config?.noValue ?? "–";
  return format(value, config?.unit, config?.decimals);
}

/** Return a small line. */
export function spark(values, color) {
  const numbers = values.filter((each) => typeof each === "number");
  if (numbers.length < 2) return null;
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const at = (value) => (high === low ? 60 : 95 - ((value - low) / (high - low)) * 80).toFixed(1);
  const points = values.map((value, n) => (value === null ? null : `${((n / (values.length - 1)) * 100).toFixed(2)},${at(value)}`)).filter(Boolean);
  return s("svg", { class: "spark", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("polygon", { points: `${points[0].split(",")[0]},100 ${points.join(" ")} ${points.at(-1).split(",")[0]},100`, fill: faded(color, 0.14) }),
    s("polyline", { points: points.join(" "), fill: "none", stroke: color, "stroke-width": "1.2", "vector-effect": "non-scaling-stroke" }));
}
