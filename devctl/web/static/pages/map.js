// Who calls whom, from real traffic.

import { get } from "../api.js";
import { h, replace, s } from "../dom.js";
import { range } from "../time.js";
import { duration, format } from "../units.js";

const HEADS = ["Caller", "Callee", "Kind", "Calls", "Failed", "Rate", "p95"];
const [WIDTH, HEIGHT, COLUMN, ROW] = [150, 40, 250, 84];

export function mapPage() {
  const holder = h("div", { class: "sheet map" });
  const element = h("main", { class: "page" }, h("div", { class: "filters" }, h("h1", {}, "Map"), h("span", { class: "about" }, "Calls are solid, events are dashed; red where some failed.")), holder, h("p", { class: "command-hint" }, "On the command line: ", h("code", {}, "devctl map")));
  async function refresh() {
    const { from, to } = range();
    try {
      const edges = await get("viewer/stack/map", new URLSearchParams({ from, to }));
      replace(holder, edges.length ? drawing(edges) : h("p", { class: "empty" }, "No calls between services in this time range"), edges.length ? table(edges) : null);
    } catch (error) {
      replace(holder, h("p", { class: "problem" }, error.message));
    }
  }
  refresh();
  return { element, refresh };
}

/** Return how far each service stands from where requests come in: the longest way of calls to it, rings cut.
 * Whoever is reached by events alone stands behind the nearest service whose events it takes. */
function depths(edges) {
  const names = [...new Set(edges.flatMap((edge) => [edge.caller, edge.callee]))];
  const depth = new Map(names.map((name) => [name, 0]));
  const calls = edges.filter(({ kind, caller, callee }) => kind === "http" && caller !== callee);
  for (let round = 0; round < names.length; round += 1) {
    for (const { caller, callee } of calls) if (depth.get(callee) <= depth.get(caller) && depth.get(caller) < names.length - 1) depth.set(callee, Math.min(depth.get(caller) + 1, 5));
  }
  const called = new Set(calls.flatMap(({ caller, callee }) => [caller, callee]));
  for (const name of names) {
    const sources = edges.filter(({ callee, caller }) => callee === name && called.has(caller));
    if (calls.length && !called.has(name) && sources.length) depth.set(name, Math.min(...sources.map(({ caller }) => depth.get(caller))) + 1);
  }
  return depth;
}

/** Return where each service stands: in the column of its depth, below those that came before. */
function positions(edges) {
  const depth = depths(edges);
  const names = [...depth.keys()];
  const rows = new Map();
  return new Map(names.map((name) => {
    const column = depth.get(name);
    rows.set(column, (rows.get(column) ?? -1) + 1);
    return [name, { x: column * COLUMN + 10, y: rows.get(column) * ROW + 14 + (column % 2) * 26 }];
  }));
}

function drawing(edges) {
  const spots = positions(edges);
  const width = Math.max(...[...spots.values()].map(({ x }) => x)) + WIDTH + 20;
  const height = Math.max(...[...spots.values()].map(({ y }) => y)) + HEIGHT + 30;
  const most = Math.max(...edges.map((edge) => edge.calls));
  const lines = edges.filter(({ caller, callee }) => caller !== callee).map((edge) => line(edge, spots.get(edge.caller), spots.get(edge.callee), most));
  const nodes = [...spots].map(([name, { x, y }]) => s("g", { transform: `translate(${x} ${y})` }, s("rect", { width: WIDTH, height: HEIGHT, rx: 9, class: "node" }), s("text", { x: WIDTH / 2, y: 25, "text-anchor": "middle" }, name.length > 20 ? `${name.slice(0, 19)}…` : name)));
  return s("svg", { viewBox: `0 0 ${width} ${height}`, class: "map-drawing", style: { "max-width": `${width}px` } }, s("defs", {}, s("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, s("path", { d: "M0 0L8 4L0 8z", class: "arrow" }))), ...lines, ...nodes);
}

function line(edge, from, to, most) {
  const isForward = to.x > from.x;
  const [x1, x2] = isForward ? [from.x + WIDTH, to.x] : [from.x, to.x + WIDTH];
  const shift = edge.kind === "event" ? 9 : -3;
  const [y1, y2] = [from.y + HEIGHT / 2 + shift, to.y + HEIGHT / 2 + shift];
  const bend = Math.max(Math.abs(x2 - x1) / 2, 40) * (isForward ? 1 : -1);
  const d = from.x === to.x ? `M${from.x + WIDTH} ${y1} C${from.x + WIDTH + 60} ${y1} ${from.x + WIDTH + 60} ${y2} ${to.x + WIDTH} ${y2}` : `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  return s("path", { d, class: `edge ${edge.kind}${edge.errors ? " bad" : ""}`, "stroke-width": 1 + (edge.calls / most) * 3, "marker-end": "url(#arrow)" }, s("title", {}, `${edge.caller} → ${edge.callee} (${edge.kind}): ${edge.calls} calls, ${edge.errors} failed, p95 ${duration(edge.p95_ms / 1000)}`));
}

function table(edges) {
  return h("table", { class: "services" }, h("thead", {}, h("tr", {}, HEADS.map((name, n) => h("th", { scope: "col", class: n > 2 ? "number" : null }, name)))), h("tbody", {}, edges.map((edge) => h("tr", { class: edge.errors ? "bad" : "" }, [edge.caller, edge.callee, edge.kind].map((text) => h("td", {}, text)), [String(edge.calls), String(edge.errors), `${format(edge.rate)}/s`, duration(edge.p95_ms / 1000)].map((text) => h("td", { class: "number" }, text))))));
}
