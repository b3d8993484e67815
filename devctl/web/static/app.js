// The frame around every page: the top bar, which page is shown, refreshing, keys.

import { boardPage, boardsPage } from "./board.js";
import { button, h, icon, replace } from "./dom.js";
import { logsPage } from "./pages/logs.js";
import { journeyPage } from "./pages/journey.js";
import { mapPage } from "./pages/map.js";
import { servicesPage } from "./pages/services.js";
import { tracePage, tracesPage } from "./pages/traces.js";
import { carried, change, go, onAddress, path, query, setTheme, theme, withQuery } from "./state.js";
import { picker, refreshSeconds } from "./time.js";

const PAGES = [["dashboards", "Boards"], ["services", "Services"], ["traces", "Traces"], ["logs", "Logs"], ["map", "Map"], ["journey", "Journey"]];
const MAKERS = { d: boardPage, "d-solo": boardPage, dashboards: boardsPage, services: servicesPage, traces: tracesPage, trace: tracePage, logs: logsPage, map: mapPage, journey: journeyPage, alerting: boardsPage };

let current = null;
let key = "";
let timer = 0;

function frame(main) {
  const [first] = path();
  const where = first === "d" || first === "d-solo" ? "dashboards" : first === "trace" ? "traces" : first;
  const links = PAGES.map(([address, name]) => h("a", { href: withQuery(`/${address}`, carried({ variables: false })), class: address === where ? "here" : "", "aria-current": address === where ? "page" : null }, name));
  const bar = h("header", { class: "top" },
    h("nav", { "aria-label": "Pages" }, h("span", { class: "brand", title: "devctl's board viewer, embedded in place of Grafana" }, "devctl", h("small", {}, "embedded")), links),
    h("div", { class: "tools" }, picker(() => refresh(true)),
      button(theme() === "dark" ? "Light" : "Dark", { class: "quiet square", onclick: () => setTheme(theme() === "dark" ? "light" : "dark") }, icon(theme() === "dark" ? "sun" : "moon")),
      button("Full page (f)", { class: "quiet square wide-only", onclick: kiosk }, icon("full"))));
  return [bar, main];
}

function kiosk() {
  change({ kiosk: query().has("kiosk") ? null : "" }, { replace: true });
}

function show() {
  document.documentElement.dataset.theme = theme();
  document.body.classList.toggle("kiosk", query().has("kiosk"));
  const [first] = path();
  const maker = MAKERS[first] ?? boardsPage;
  current?.close?.();
  const stays = key === location.pathname && current?.element;
  key = location.pathname;
  current = maker(stays ? current : null);
  replace(document.getElementById("app"), ...frame(current.element));
  plan();
}

function plan() {
  clearTimeout(timer);
  const seconds = refreshSeconds();
  if (seconds) timer = setTimeout(() => (document.hidden ? plan() : refresh()), seconds * 1000);
}

async function refresh(isWished = false) {
  clearTimeout(timer);
  await current?.refresh?.(isWished);
  plan();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.target) return;
  const address = new URL(link.href, location.href);
  const [first] = address.pathname.split("/").filter(Boolean);
  if (address.origin !== location.origin || !(first in MAKERS)) return;
  event.preventDefault();
  go(address.pathname + address.search);
});

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "f") kiosk();
  else if (event.key === "r") refresh(true);
  else if (event.key === "t") setTheme(theme() === "dark" ? "light" : "dark");
  else if (event.key === "Escape" && query().has("viewPanel")) change({ viewPanel: null });
  else if (event.key === "Escape" && query().has("kiosk")) kiosk();
});

matchMedia("(prefers-color-scheme: light)").addEventListener("change", show);
onAddress(show);
show();
