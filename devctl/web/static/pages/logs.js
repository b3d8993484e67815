// Log lines of all services, merged by arrival, filtered, and live.

import { get } from "../api.js";
import { button, h, replace } from "../dom.js";
import { change, query } from "../state.js";
import { range } from "../time.js";
import { clock } from "../units.js";
import { fillServices } from "./traces.js";

const LIVE_SECONDS = 1;
const MOST_LINES = 500;
const MOST_SHOWN = 2000;
const LEVELS = ["debug", "info", "warning", "error"];

/** Return one line. A click, or Enter, shows its fields. */
export function lineRow(line) {
  const at = new Date(Number(BigInt(line.time_ns) / 1000000n));
  const fields = Object.entries(line.fields ?? {}).filter(([key]) => !["time", "service"].includes(key));
  const more = h("dl", { class: "line-fields", hidden: true }, fields.flatMap(([key, value]) => [h("dt", {}, key), h("dd", {}, String(value))]));
  const toggle = () => { more.hidden = !more.hidden; text.setAttribute("aria-expanded", String(!more.hidden)); };
  const onkeydown = (event) => { if (event.target === text && ["Enter", " "].includes(event.key)) { event.preventDefault(); toggle(); } };
  const text = h("div", { class: "line-text", role: "button", tabindex: "0", "aria-expanded": "false", onkeydown, onclick: (event) => event.target.closest("a") || toggle() },
    h("time", {}, clock(at, true)), h("i", { class: "level", title: line.level ?? "no level" }), h("b", {}, line.service), h("span", {}, line.message),
      line.trace_id && h("a", { href: `/trace/${encodeURIComponent(line.trace_id)}`, title: `Trace ${line.trace_id}` }, line.trace_id.slice(0, 6)));
  return h("div", { class: `line level-${line.level ?? "none"}` }, text, more);
}

function isAtEnd() {
  return innerHeight + scrollY >= document.body.scrollHeight - 80;
}

function toEnd() {
  scrollTo(0, document.body.scrollHeight);
}

export function logsPage() {
  const list = h("div", { class: "sheet lines" });
  const services = h("select", { "aria-label": "Service", onchange: (event) => change({ service: event.target.value || null }) });
  const level = h("select", { "aria-label": "Level", onchange: (event) => change({ level: event.target.value || null }) }, h("option", { value: "" }, "Every level"), LEVELS.map((name) => h("option", { value: name, selected: name === query().get("level") }, `${name} and above`)));
  const grep = h("input", { placeholder: "Text or regular expression", "aria-label": "Filter", value: query().get("grep") ?? "", onchange: (event) => change({ grep: event.target.value || null }) });
  const isLive = query().has("live");
  const live = button(isLive ? "Stop" : "Live", { class: isLive ? "primary" : "", onclick: () => change({ live: isLive ? null : "" }) });
  const element = h("main", { class: "page" }, h("div", { class: "filters stays" }, h("h1", {}, "Logs"), services, level, grep, live), list, h("p", { class: "command-hint" }, "On the command line: ", h("code", {}, "devctl logs -f")));
  fillServices(services);
  let until = null;
  let timer = 0;
  let rows = new Map();

  function parameters(more) {
    const search = new URLSearchParams(more);
    for (const name of ["service", "level", "grep", "trace"]) if (query().get(name)) search.append(name, query().get(name));
    return search;
  }

  async function refresh() {
    if (isLive && until) return;
    const { from, to } = range();
    const sticks = !rows.size || isAtEnd();
    try {
      const answer = await get("viewer/stack/logs", parameters({ from, to, limit: String(MOST_LINES) }));
      until = answer.until;
      const isCut = answer.lines.length === MOST_LINES && h("p", { class: "hint" }, `The last ${MOST_LINES} lines; a filter or another time range shows others.`);
      replace(list, isCut, ...(answer.lines.length ? kept(answer.lines) : [h("p", { class: "empty" }, "No lines in this time range")]));
      if (sticks) toEnd();
      if (isLive) follow();
    } catch (error) {
      replace(list, h("p", { class: "problem" }, error.message));
    }
  }

  /** Return the rows of lines; those that stand already stay as they are, open ones open. */
  function kept(lines) {
    const before = rows;
    rows = new Map();
    for (const line of lines) {
      let key = [line.time_ns, line.instance, line.message].join(" ");
      while (rows.has(key)) key += " again";
      rows.set(key, before.get(key) ?? lineRow(line));
    }
    return [...rows.values()];
  }

  function follow() {
    timer = setTimeout(async () => {
      try {
        const answer = await get("viewer/stack/logs", parameters({ after: String(until), limit: "1000" }));
        until = answer.until;
        const sticks = isAtEnd();
        if (answer.lines.length) list.querySelector(".empty")?.remove();
        list.append(...answer.lines.map(lineRow));
        while (list.childElementCount > MOST_SHOWN) list.firstElementChild.remove();
        if (sticks && answer.lines.length) toEnd();
      } catch { /* the next look tells */ }
      follow();
    }, LIVE_SECONDS * 1000);
  }

  refresh();
  return { element, refresh, close: () => clearTimeout(timer) };
}
