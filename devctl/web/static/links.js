// Where a point leads: the links of its board, its trace, the traces and lines around it.

import { h, isHere } from "./dom.js";
import { carried, withQuery } from "./state.js";
import { range } from "./time.js";

const AROUND_SECONDS = 30;

/** Return the nearest of `all` within a distance. */
export function near(all, distance, most) {
  let best = null;
  for (const each of all ?? []) {
    const away = distance(each);
    if (away < (best?.away ?? most)) best = { each, away };
  }
  return best?.each ?? null;
}

/** Fill Grafana's variables of data into an address. */
export function filled(address, { name = "", labels = {}, value = "", time = 0, fields = {} } = {}) {
  const { from, to } = range();
  const plain = { __from: from, __to: to, "__value.raw": value, "__value.text": value, "__value.numeric": value, "__value.time": time * 1000, "__series.name": name, "__field.name": name, "__field.displayName": name };
  return String(address)
    .replaceAll("${__url_time_range}", `from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`)
    .replaceAll("${__all_variables}", String(carried({ time: false })))
    .replace(/\$\{(__[\w.]+?)(?:\["([^"]+)"\]|\.([\w-]+))?(?::(\w+))?\}/g, (whole, base, quoted, last) => {
      const key = quoted ?? last ?? "";
      if (base === "__field.labels" || base === "__series.labels") return encodeURIComponent(labels[key] ?? "");
      if (base === "__data.fields") return encodeURIComponent(fields[key] ?? "");
      const full = last ? `${base}.${last}` : base;
      return full in plain ? encodeURIComponent(plain[full]) : whole;
    });
}

/** Return the links that a point of a panel has. */
export function dataLinks(series, { time, value, trace, fields } = {}) {
  const labels = series?.labels ?? {};
  const links = (Array.isArray(series?.config?.links) ? series.config.links : []).map((link) => anchor(filled(link.url ?? "", { name: series.name, labels, value, time, fields }), link.title || "Link", link.targetBlank));
  if (trace) links.push(anchor(`/trace/${encodeURIComponent(trace)}`, `Trace ${trace.slice(0, 8)}`));
  if (time) {
    const around = new URLSearchParams({ from: Math.round((time - AROUND_SECONDS) * 1000), to: Math.round((time + AROUND_SECONDS) * 1000) });
    if (labels.service) around.set("service", labels.service);
    const whose = labels.service ? ` of ${labels.service}` : "";
    links.push(anchor(withQuery("/traces", around), `Traces${whose} around here`), anchor(withQuery("/logs", around), `Logs${whose} around here`));
  }
  return links;
}

function anchor(address, title, isBlank = false) {
  return h("a", { href: address, target: isBlank && !isHere(address) ? "_blank" : null, rel: "noreferrer" }, title);
}
