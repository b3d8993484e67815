// What happened to one order: requests, events, writes and lines of every service in time order.

import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { go, path } from "../state.js";
import { clock, duration } from "../units.js";

const SIGNS = { request: "▶", call: "→", published: "⇢", consumed: "⇠", database: "▤", log: "·" };

export function journeyPage() {
  const id = path()[1] ?? "";
  const input = h("input", { placeholder: "Id of an order", "aria-label": "Id", value: id, class: "wide", spellcheck: "false" });
  const list = h("div", { class: "sheet journey" });
  const ask = (event) => { event.preventDefault(); if (input.value.trim()) go(`/journey/${encodeURIComponent(input.value.trim())}`); };
  const element = h("main", { class: "page" }, h("form", { class: "filters", onsubmit: ask }, h("h1", {}, "Journey"), input, h("button", { class: "primary" }, "Show")), list, h("p", { class: "command-hint" }, "On the command line: ", h("code", {}, `devctl journey ${id || "ID"}`)));

  async function refresh() {
    if (!id) return replace(list, h("p", { class: "empty" }, "What happened to one order, across calls, events, databases and logs. `make demo` places one and prints its id."));
    try {
      return replace(list, ...(await get(`viewer/stack/journeys/${encodeURIComponent(id)}`)).map(row));
    } catch (error) {
      return replace(list, h("p", { class: "problem" }, error.message));
    }
  }
  refresh();
  return { element, refresh };
}

function row(entry) {
  return h("div", { class: `journey-row kind-${entry.kind}${entry.error ? " bad" : ""}` }, h("time", {}, clock(new Date(entry.time), true)), h("small", {}, entry.after_ms ? `+${duration(entry.after_ms / 1000)}` : ""), h("i", { title: entry.kind }, SIGNS[entry.kind] ?? ""), h("b", {}, entry.service), h("span", {}, entry.what), h("small", {}, entry.duration_ms ? duration(entry.duration_ms / 1000) : ""), entry.trace_id ? h("a", { href: `/trace/${encodeURIComponent(entry.trace_id)}` }, entry.trace_id.slice(0, 6)) : h("span"));
}
