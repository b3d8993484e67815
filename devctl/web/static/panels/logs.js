// Log lines, the newest last or first.

import { h, replace } from "../dom.js";
import { lineRow } from "../pages/logs.js";

export function logs(panel, body) {
  return {
    draw(data) {
      const isNewestFirst = (panel.options?.sortOrder ?? "Descending") === "Descending";
      const lines = isNewestFirst ? [...data.lines].reverse() : data.lines;
      body.chart = { shown: () => ({ lines: data.lines.map((each) => each.message) }) };
      replace(body, lines.length ? h("div", { class: "lines" }, lines.map((line) => lineRow(line))) : h("p", { class: "empty" }, data.problems?.[0] ?? "No lines in this time range"));
    },
  };
}
