// Services: their state at a glance, and why one is not well.

import { get } from "../api.js";
import { button, h, replace } from "../dom.js";
import { bytes, format } from "../units.js";

const HEADS = ["Service", "Status", "Variant", "Uptime", "Restarts", "CPU", "Memory", "Address", ""];
const NUMBERS = new Set(["Uptime", "Restarts", "CPU", "Memory"]);
const GOOD = ["healthy", "running", "completed"];

export function servicesPage() {
  const head = h("div", { class: "filters" }, h("h1", {}, "Services"));
  const list = h("div", { class: "sheet" });
  const element = h("main", { class: "page" }, head, list, h("p", { class: "command-hint" }, "On the command line: ", h("code", {}, "devctl status"), " · ", h("code", {}, "devctl why")));
  const open = new Map();

  async function refresh() {
    try {
      const view = await get("viewer/stack/status");
      replace(head, h("h1", {}, "Services"), h("span", { class: `badge ${tone(view.status)}` }, view.status), h("span", { class: "about" }, `${view.stack ?? ""} · run ${view.run ?? ""}`));
      replace(list, h("table", { class: "services" }, h("thead", {}, h("tr", {}, HEADS.map((name) => h("th", { scope: "col", class: NUMBERS.has(name) ? "number" : null }, name)))), h("tbody", {}, view.services.flatMap(rows))));
    } catch (error) {
      replace(list, h("p", { class: "problem" }, error.message));
    }
  }

  function rows(service) {
    const all = service.instances;
    const sum = (name) => all.reduce((total, each) => total + (each[name] || 0), 0);
    const started = all.map((each) => Date.parse(each.started_at)).filter(Boolean);
    const isUp = all.some((each) => each.pid || each.container);
    const detail = h("tr", { hidden: !open.has(service.name) }, h("td", { colspan: 9 }, open.get(service.name)));
    const explain = button("Why", { class: "quiet", onclick: () => why(service.name, detail) }, "why");
    const note = service.reason || service.note || (service.waits_for.length ? `waits for ${service.waits_for.join(", ")}` : "");
    return [h("tr", { "data-service": service.name },
      h("td", {}, h("b", {}, service.name), all.length > 1 ? ` ×${all.length}` : "", note && h("small", { class: "note", title: note }, note)), h("td", {}, h("span", { class: `badge ${tone(service.status)}` }, service.status)), h("td", {}, service.variant),
      h("td", { class: "number" }, isUp && started.length ? format((Date.now() - Math.min(...started)) / 1000, "dtdurations") : ""), h("td", { class: "number" }, String(sum("restarts") || "")), h("td", { class: "number" }, isUp ? `${sum("cpu_percent").toFixed(1)} %` : ""), h("td", { class: "number" }, isUp ? bytes(sum("memory_bytes")) : ""),
      h("td", {}, service.page ? h("a", { href: service.page, target: "_blank", rel: "noreferrer" }, service.page) : Object.values(service.ports)[0] ?? ""), h("td", {}, GOOD.includes(service.status) ? h("a", { href: `/logs?service=${encodeURIComponent(service.name)}` }, "logs") : explain)), detail];
  }

  async function why(name, detail) {
    try {
      const [view] = await get("viewer/stack/why", new URLSearchParams({ service: name }));
      const content = h("div", { class: "why" }, (view?.chain ?? []).map((cause, depth) => h("div", { style: { "margin-left": `${depth * 18}px` } }, h("p", {}, depth ? "└ " : "", cause.says), cause.answer && h("p", { class: "hint" }, `its check saw: ${cause.answer}`), cause.lines?.length ? h("pre", {}, cause.lines.join("\n")) : null, cause.next && h("p", {}, h("b", {}, "next: "), cause.next))), !view?.chain?.length && h("p", {}, "Nothing is wrong with it."));
      open.set(name, content);
      detail.hidden = false;
      replace(detail.firstElementChild, content);
    } catch (error) {
      replace(detail.firstElementChild, h("p", { class: "problem" }, error.message));
      detail.hidden = false;
    }
  }

  refresh();
  return { element, refresh };
}

function tone(status) {
  if (GOOD.includes(status)) return "good";
  return ["failed", "unhealthy"].includes(status) ? "bad" : ["unavailable", "stopped"].includes(status) ? "off" : "warn";
}
