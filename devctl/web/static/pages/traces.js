// Traces: found, listed, and one as a waterfall with its log lines inside.

import { get } from "../api.js";
import { classic } from "../colors.js";
import { h, replace } from "../dom.js";
import { carried, change, path, query, withQuery } from "../state.js";
import { range } from "../time.js";
import { clock, duration } from "../units.js";
import { lineRow } from "./logs.js";

const MOST_TRACES = 100; // more rows nobody reads; a filter is the faster way to the right one

/** Return the page that finds traces. */
export function tracesPage() {
  const list = h("div", { class: "sheet" });
  const services = h("select", { "aria-label": "Service", onchange: (event) => change({ service: event.target.value || null }) });
  const field = (name, label, more = {}) => h("input", { placeholder: label, "aria-label": label, value: query().get(name) ?? "", onchange: (event) => change({ [name]: event.target.value || null }), ...more });
  const failed = h("label", { class: "check" }, h("input", { type: "checkbox", checked: query().get("errors") === "true", onchange: (event) => change({ errors: event.target.checked ? "true" : null }) }), "failed only");
  const find = h("input", { placeholder: "Trace id", "aria-label": "Trace id", class: "wide-only", onchange: (event) => /^[0-9a-f]{16,32}$/i.test(event.target.value.trim()) && change({}, {}) === undefined && location.assign(`/trace/${event.target.value.trim()}`) });
  const element = h("main", { class: "page" }, h("div", { class: "filters" }, h("h1", {}, "Traces"), services, field("operation", "Operation"), field("min_ms", "At least … ms", { type: "number", min: "0" }), failed, find), list, h("p", { class: "command-hint" }, "On the command line: ", h("code", {}, "devctl traces")));
  fillServices(services);

  async function refresh() {
    const { from, to } = range();
    const parameters = new URLSearchParams({ from, to, limit: String(MOST_TRACES) });
    for (const name of ["service", "operation", "min_ms", "errors"]) if (query().get(name)) parameters.set(name, query().get(name));
    try {
      const traces = await get("viewer/stack/traces", parameters);
      const more = traces.length === MOST_TRACES && h("p", { class: "hint" }, `The newest ${MOST_TRACES} traces; a filter or another time range shows others.`);
      replace(list, traces.length ? traceTable(traces) : h("p", { class: "empty" }, "No traces in this time range"), more);
    } catch (error) {
      replace(list, h("p", { class: "problem" }, error.message));
    }
  }
  refresh();
  return { element, refresh };
}

/** Fill a select with the services of the stack. */
export async function fillServices(select) {
  const chosen = query().get("service") ?? "";
  const names = await get("viewer/stack/services").catch(() => []);
  replace(select, h("option", { value: "" }, "Every service"), ...[...new Set([...names, chosen])].filter(Boolean).map((name) => h("option", { value: name, selected: name === chosen }, name)));
}

export function traceTable(traces) {
  const longest = Math.max(...traces.map((each) => each.duration_ms), 1);
  const row = (each) => h("a", { class: `trace-row${each.errors ? " bad" : ""}`, href: withQuery(`/trace/${encodeURIComponent(each.trace_id)}`, carried({ variables: false })) },
    h("time", {}, clock(new Date(each.start), true)), h("span", { class: "trace-name" }, h("b", {}, each.service), ` ${each.root}`), h("span", { class: "trace-bar" }, h("i", { style: { width: `${Math.max((each.duration_ms / longest) * 100, 0.5)}%` } })),
    h("b", { class: "trace-time" }, duration(each.duration_ms / 1000)), h("small", {}, `${each.spans} spans`, each.errors ? ` · ${each.errors} failed` : "", each.services.length > 1 ? ` · ${each.services.slice(1).join(", ")}` : ""));
  return h("div", { class: "trace-list" }, traces.map(row));
}

/** Return the page of one trace. */
export function tracePage() {
  const id = path()[1] ?? "";
  const head = h("div", { class: "filters" }, h("h1", {}, `Trace ${id.slice(0, 8)}`));
  const body = h("div", { class: "sheet waterfall" });
  const element = h("main", { class: "page" }, head, body, h("p", { class: "command-hint" }, "On the command line: ", h("code", {}, `devctl traces ${id.slice(0, 8)}`), " · ", h("code", {}, `devctl why ${id.slice(0, 8)}`)));
  async function refresh() {
    try {
      const trace = await get(`viewer/stack/traces/${encodeURIComponent(id)}`);
      replace(head, h("h1", {}, `Trace ${id.slice(0, 8)}`), h("span", { class: "about" }, `${trace.service} ${trace.root} · ${clock(new Date(trace.start), true)} · ${duration(trace.duration_ms / 1000)} · ${trace.spans} spans · ${trace.services.length} services${trace.errors ? ` · ${trace.errors} failed` : ""}`));
      replace(body, ...waterfall(trace));
    } catch (error) {
      replace(body, h("p", { class: "problem" }, error.message));
    }
  }
  refresh();
  return { element };
}

function waterfall(trace) {
  const milliseconds = (ns) => Number(BigInt(ns) / 1000n) / 1000;
  const start = Math.min(...trace.rows.map((row) => milliseconds(row.start_ns)));
  const end = Math.max(...trace.rows.map((row) => milliseconds(row.start_ns) + row.duration_ms));
  const colors = new Map(trace.services.map((name, n) => [name, classic(n)]));
  const percent = (at) => ((at - start) / (end - start || 1)) * 100;
  const rows = trace.rows.map((row) => spanRow(row, percent(milliseconds(row.start_ns)), (row.duration_ms / (end - start || 1)) * 100, colors.get(row.service) ?? "#8fa3bf"));
  const ticks = h("div", { class: "span-ticks" }, [0, 0.25, 0.5, 0.75, 1].map((share) => h("span", {}, duration(((end - start) * share) / 1000))));
  const rest = trace.lines.length ? [h("h2", {}, "Lines of this trace outside of any span"), ...trace.lines.map((line) => lineRow(line))] : [];
  return [ticks, ...rows, trace.left_out ? h("p", { class: "hint" }, `and ${trace.left_out} more spans`) : null, ...rest];
}

function spanRow(row, left, width, color) {
  const more = h("div", { class: "span-more", hidden: true }, h("dl", {}, Object.entries(row.attributes).flatMap(([key, value]) => [h("dt", {}, key), h("dd", {}, value)]), row.events.flatMap((name) => [h("dt", {}, "event"), h("dd", {}, name)])), row.lines.map((line) => lineRow(line)));
  const line = h("button", { type: "button", class: `span-row${row.error ? " bad" : ""}${row.critical ? " critical" : ""}`, "aria-expanded": "false", onclick: () => { more.hidden = !more.hidden; line.setAttribute("aria-expanded", String(!more.hidden)); } },
    h("span", { class: "span-name", style: { "padding-left": `${Math.min(row.depth, 16) * 12}px` }, title: `${row.service} ${row.name}` }, row.linked ? "⇢ " : "", h("b", { style: { color } }, row.service), ` ${row.name}`),
    h("span", { class: "span-track" }, h("i", { style: { left: `${left}%`, width: `max(${width}%, 2px)`, background: row.error ? "var(--bad)" : color } }), h("small", { style: left > 70 ? { right: `${100 - left}%` } : { left: `${Math.min(left + width, 96)}%` } }, duration(row.duration_ms / 1000), row.error && row.message ? ` · ${row.message}` : "", row.lines.length ? ` · ${row.lines.length} ${row.lines.length === 1 ? "line" : "lines"}` : "")));
  return h("div", { class: "span" }, line, more);
}
