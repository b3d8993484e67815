// A list of traces.

import { h, replace } from "../dom.js";
import { traceTable } from "../pages/traces.js";

export function traces(panel, body) {
  return {
    draw(data) {
      body.chart = { shown: () => ({ traces: (data.traces ?? []).map((each) => each.trace_id) }) };
      replace(body, data.traces?.length ? traceTable(data.traces) : h("p", { class: "empty" }, data.problems?.[0] ?? "No traces in this time range"));
    },
  };
}
