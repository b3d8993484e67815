// Which drawer draws which kind of panel. A drawer has `draw(data)`, and where it needs them `annotate` and `close`.

import { h, replace } from "../dom.js";
import { barChart, histogram } from "./barchart.js";
import { barGauge } from "./bargauge.js";
import { alertList, boardList } from "./lists.js";
import { gauge } from "./gauge.js";
import { heatMap } from "./heatmap.js";
import { logs } from "./logs.js";
import { pie } from "./pie.js";
import { stat } from "./stat.js";
import { states } from "./states.js";
import { table } from "./table.js";
import { text } from "./text.js";
import { timeSeries } from "./timeseries.js";
import { traces } from "./traces.js";

const DRAWERS = {
  timeseries: timeSeries, stat, gauge, bargauge: barGauge, barchart: barChart, table, heatmap: heatMap, "state-timeline": states, "status-history": states,
  piechart: pie, histogram, logs, traces, text, dashlist: boardList, alertlist: alertList,
};

/** Return the drawer of a panel; what an unknown kind would show is said in words. */
export function panelDrawer(panel, body, context) {
  const make = panel.drawn && DRAWERS[panel.kind];
  if (make) return make(panel, body, context);
  replace(body, h("p", { class: "lacking" }, "A panel of the type ", h("code", {}, panel.kind), " is not drawn by this viewer; Grafana itself draws it."));
  return { draw() {} };
}
