// Lists of boards and of alerts.

import { get, post, Problem } from "../api.js";
import { h, replace } from "../dom.js";
import { carried, withQuery } from "../state.js";

export function boardList(panel, body) {
  return {
    async draw() {
      const { query = "", tags = [], maxItems = 30 } = panel.options ?? {};
      const parameters = new URLSearchParams([["query", query], ...(Array.isArray(tags) ? tags : []).map((tag) => ["tag", tag])]);
      const boards = (await get("search", parameters)).filter((each) => each.uid).slice(0, maxItems);
      body.chart = { shown: () => ({ names: boards.map((each) => each.title) }) };
      replace(body, h("ul", { class: "plain-list" }, boards.map((each) => h("li", {}, h("a", { href: withQuery(`/d/${encodeURIComponent(each.uid)}`, carried()) }, each.title)))));
    },
  };
}

export function alertList(panel, body) {
  return {
    async draw() {
      const alerts = await pending();
      body.chart = { shown: () => ({ names: alerts.map((each) => each.name) }) };
      const rows = alerts.map(({ name, state, severity, service }) => h("li", { class: state === "firing" ? "bad" : "warn" }, h("strong", {}, name), ` ${[state, severity, service].filter(Boolean).join(" · ")}`));
      replace(body, rows.length ? h("ul", { class: "plain-list" }, rows) : h("p", { class: "empty" }, "No alert is pending or firing"));
    },
  };
}

/** Return the alerts that are pending or firing. */
async function pending() {
  const query = { refId: "A", expr: "ALERTS", instant: true, format: "table", datasource: { type: "prometheus" } };
  const { results } = await post("ds/query", { from: "now-1m", to: "now", queries: [query] });
  if (results?.A?.error) throw new Problem(results.A.error);
  const [frame] = results?.A?.frames ?? [];
  const columns = Object.fromEntries((frame?.schema.fields ?? []).map((field, n) => [field.name, frame.data.values[n]]));
  return (columns.alertname ?? []).map((name, n) => ({ name, state: columns.alertstate?.[n], severity: columns.severity?.[n], service: columns.service?.[n] }));
}
