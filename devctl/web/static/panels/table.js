// A table that sorts by its heads and colours its cells.

import { byThreshold, faded, mapping, ofValue, readableOn } from "../colors.js";
import { h, replace } from "../dom.js";
import { filled } from "../links.js";
import { format, when } from "../units.js";
import { shownText } from "./stat.js";
import { traces } from "./traces.js";

const MOST_ROWS = 500;

export function table(panel, body) {
  let sort = (panel.options?.sortBy ?? [])[0] ? { name: panel.options.sortBy[0].displayName, isDown: panel.options.sortBy[0].desc } : null;
  let chosen = 0;
  let last = { tables: [] };
  body.chart = { shown: () => last.tables[chosen] ?? { columns: [], rows: 0 } };

  function draw(data) {
    if (data.traces) return traces(panel, body).draw(data); // a search of traces, which Grafana shows as a table
    last = data;
    chosen = Math.min(chosen, Math.max(data.tables.length - 1, 0));
    const shown = data.tables[chosen];
    if (!shown?.rows || !shown.columns.length) return replace(body, h("p", { class: "empty" }, panel.defaults?.noValue || "No rows in this time range"));
    const order = sorted(shown);
    const pick = data.tables.length > 1 && h("select", { class: "table-pick", "aria-label": "Table", onchange: (event) => { chosen = Number(event.target.value); draw(last); } }, data.tables.map((each, n) => h("option", { value: n, selected: n === chosen }, each.name || `Table ${n + 1}`)));
    return replace(body, h("div", { class: "table-holder" }, h("table", {}, panel.options?.showHeader !== false && h("thead", {}, h("tr", {}, shown.columns.map(head))), h("tbody", {}, order.slice(0, MOST_ROWS).map((row) => h("tr", {}, shown.columns.map((column) => cell(column, row, shown.columns)))))),
      order.length > MOST_ROWS && h("p", { class: "hint" }, `and ${order.length - MOST_ROWS} more rows`)), pick);
  }

  function head(column) {
    const isSorted = sort?.name === column.name;
    const flip = () => { sort = isSorted && sort.isDown ? null : { name: column.name, isDown: isSorted ? true : false }; draw(last); };
    const { width, align } = column.config.custom;
    return h("th", { scope: "col", class: column.kind === "number" && align !== "left" ? "number" : "", style: width ? { width: `${width}px` } : {}, "aria-sort": isSorted ? (sort.isDown ? "descending" : "ascending") : "none" }, h("button", { type: "button", onclick: flip }, column.name, isSorted ? (sort.isDown ? " ↓" : " ↑") : ""));
  }

  function sorted(shown) {
    const rows = Array.from({ length: shown.rows }, (_, n) => n);
    const column = sort && shown.columns.find((each) => each.name === sort.name);
    if (!column) return rows;
    const rank = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a ?? "").localeCompare(String(b ?? ""), undefined, { numeric: true }));
    return rows.sort((a, b) => rank(column.values[a], column.values[b]) * (sort.isDown ? -1 : 1));
  }

  function cell(column, row, columns) {
    const value = column.values[row];
    const { config, kind } = column;
    const text = kind === "time" ? when(value * 1000) : shownText(value, config, "");
    const kindOfCell = config.custom.cellOptions?.type ?? config.custom.displayMode ?? "auto";
    const color = kind === "number" || mapping(value, config) ? ofValue(value, config) : null;
    const style = {};
    if (color && kindOfCell.startsWith("color-background")) Object.assign(style, { background: faded(color, 0.85), color: readableOn(color) });
    else if (color && (kindOfCell === "color-text" || mapping(value, config)?.color)) style.color = color;
    const isBar = kind === "number" && /gauge|gradient|lcd|basic/.test(kindOfCell) && !kindOfCell.startsWith("color");
    const content = link(text, column, row, columns);
    return h("td", { class: kind === "number" && config.custom.align !== "left" ? "number" : "", style, title: text.length > 30 ? text : null }, isBar ? [bar(value, column), content] : content);
  }

  function bar(value, column) {
    const numbers = column.values.filter((each) => typeof each === "number");
    const { min = Math.min(0, ...numbers), max = Math.max(...numbers, 1e-9) } = column.config;
    return h("span", { class: "cell-bar" }, h("i", { style: { width: `${Math.min(Math.max(((value ?? min) - min) / (max - min || 1), 0), 1) * 100}%`, background: byThreshold(value, column.config, "#6ea8fe") } }));
  }

  function link(text, column, row, columns) {
    const [first] = Array.isArray(column.config.links) ? column.config.links : [];
    if (!first?.url) return text;
    const fields = Object.fromEntries(columns.map((each) => [each.name, each.values[row]]));
    return h("a", { href: filled(first.url, { name: column.name, value: column.values[row], fields, labels: fields }), title: first.title ?? null, rel: "noreferrer" }, text || format(column.values[row]));
  }

  return { draw };
}
