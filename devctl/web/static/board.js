// A board: its variables, rows and panels, each of which asks for its own data.

import { get } from "./api.js";
import { button, h, icon, isHere, replace } from "./dom.js";
import { panelDrawer } from "./panels/index.js";
import { carried, change, path, query, withQuery } from "./state.js";
import { range, setDefaults, toggle } from "./time.js";

const ROW = 38;
const GAP = 8;
const NARROW = 720;
const PATIENCE_MS = 800; // an answer that takes no longer needs no word about the waiting

/** Return the list of boards. */
export function boardsPage() {
  const list = h("div", { class: "cards" });
  const element = h("main", { class: "page" }, h("h1", {}, "Boards"), list);
  const refresh = async () => {
    try {
      const boards = await get("search");
      replace(list, ...(boards.length ? boards.map(card) : [h("p", { class: "empty" }, "There are no boards: `with: {dashboards: FOLDER}` in stack.yaml names their folder.")]));
    } catch (error) {
      replace(list, h("p", { class: "problem" }, error.message));
    }
  };
  refresh();
  return { element, refresh };
}

function card(board) {
  if (board.type === "broken") return h("div", { class: "card broken" }, h("strong", {}, board.title), h("p", {}, board.problem));
  return h("a", { class: "card", href: withQuery(`/d/${encodeURIComponent(board.uid)}`, carried({ variables: false })) },
    h("strong", {}, board.title), h("p", {}, board.description), board.problem && h("p", {}, `${board.problem}; shown as it was before`), h("span", { class: "tags" }, board.tags.map((tag) => h("span", { class: "tag" }, tag))));
}

/** Return the page of one board. `before` is the same page as it stood, so that a new time range keeps what is drawn. */
export function boardPage(before = null) {
  return new BoardPage(before);
}

class BoardPage {
  constructor(before) {
    this.uid = path()[1] ?? "";
    this.head = before?.head ?? h("div", { class: "board-head" });
    this.grid = before?.grid ?? h("div", { class: "grid" });
    this.trouble = before?.trouble ?? h("div", { class: "trouble", role: "status", hidden: true });
    this.element = before?.element ?? h("main", { class: "board" }, this.head, this.trouble, this.grid);
    this.panels = before?.panels ?? new Map();
    this.shape = before?.shape ?? "";
    this.shared = before?.shared ?? { element: this.element, board: null };
    this.closed = new AbortController();
    this.open = before?.open ?? new Map();
    this.observer = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "300px" });
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.grid);
    this.refresh();
  }

  close() {
    this.closed.abort();
    this.observer.disconnect();
    this.resized.disconnect();
  }

  parameters() {
    const kept = carried();
    const { from, to } = range();
    kept.set("from", from);
    kept.set("to", to);
    return kept;
  }

  async refresh() {
    let board;
    const waiting = setTimeout(() => this.panels.size || replace(this.grid, h("p", { class: "empty" }, "Asking Prometheus what the variables of this board stand for…")), PATIENCE_MS);
    try {
      const view = query().get("viewPanel") ?? query().get("panelId");
      const parameters = carried();
      if (view) parameters.set("viewPanel", view);
      board = await get(`viewer/boards/${encodeURIComponent(this.uid)}`, parameters, this.closed.signal);
    } catch (error) {
      if (error.name !== "AbortError") this.fail(error.message);
      return;
    } finally {
      clearTimeout(waiting);
    }
    setDefaults({ from: board.time.from, to: board.time.to, refresh: board.refresh });
    this.board = this.shared.board = board;
    document.title = `${board.title} · boards`;
    this.drawHead();
    this.drawTrouble();
    this.lay();
    await Promise.all([this.marks(), ...[...this.panels.values()].map((panel) => this.ask(panel))]);
  }

  /** Say why there is no board; one that is drawn already stays to be seen. */
  fail(message) {
    if (!this.panels.size) replace(this.grid, h("p", { class: "problem" }, message));
    else replace(this.trouble, message);
    this.trouble.hidden = !this.panels.size;
  }

  /** Say that the file of the board is broken, and which variables have no choices because nobody answered. */
  drawTrouble() {
    const troubles = [this.board.problem, ...this.board.variables.map((each) => each.problem && `${each.label || each.name}: ${each.problem}`)].filter(Boolean);
    this.trouble.hidden = !troubles.length;
    replace(this.trouble, ...troubles.map((text) => h("div", {}, text)));
  }

  async marks() {
    if (!this.board.annotations.length) return;
    try {
      this.annotations = await get(`viewer/boards/${encodeURIComponent(this.uid)}/annotations`, this.parameters(), this.closed.signal);
    } catch {
      this.annotations = [];
    }
    for (const panel of this.panels.values()) panel.drawer?.annotate?.(this.annotations);
  }

  drawHead() {
    const { board } = this;
    const shape = JSON.stringify([board.title, board.variables, board.links, location.search]);
    if (shape === this.headShape && this.head.childElementCount) return;
    this.headShape = shape;
    replace(this.head,
      h("div", { class: "title" }, query().has("viewPanel") && button("Back to the board", { class: "quiet square", onclick: () => change({ viewPanel: null }) }, icon("back")),
        h("h1", { title: board.description }, board.title), h("p", { class: "about" }, board.description)),
      h("div", { class: "variables" }, board.variables.filter((each) => each.hide !== 2 && (each.options.length + each.values.length > 0 || each.kind === "adhoc") && each.kind !== "constant").map((each) => variable(each))),
      h("div", { class: "links" }, board.links.map((link) => boardLink(link, this.uid))));
  }

  lay() {
    const { panels } = this.board;
    const shape = JSON.stringify([panels, [...this.open], innerWidth < NARROW]);
    if (shape === this.shape && this.grid.childElementCount) return;
    this.shape = shape;
    this.before = this.panels;
    this.panels = new Map();
    const elements = [];
    const isSolo = query().has("viewPanel") || path()[0] === "d-solo";
    let shift = 0;
    for (const panel of panels) {
      if (panel.kind !== "row") elements.push(this.add(panel, isSolo));
      else {
        elements.push(...this.row(panel, shift));
        shift += this.grown(panel);
      }
    }
    for (const [id, entry] of this.before) if (this.panels.get(id) !== entry) entry.drawer?.close?.();
    replace(this.grid, ...elements);
    this.grid.classList.toggle("solo", isSolo);
    this.fit();
    for (const { element } of this.panels.values()) this.observer.observe(element);
  }

  /** Return by how much a row is higher than the board has it, because somebody opened or closed it. */
  grown(row) {
    const isOpen = this.open.get(row.id) ?? !row.collapsed;
    if (isOpen !== row.collapsed) return 0;
    const height = Math.max(...row.panels.map(({ grid: [, y, , h] }) => y + h), row.grid[1] + 1) - row.grid[1] - 1;
    return isOpen ? height : -height;
  }

  row(row, shift) {
    const isOpen = this.open.get(row.id) ?? !row.collapsed;
    const head = h("button", { type: "button", class: `row-head${isOpen ? " open" : ""}`, "aria-expanded": String(isOpen), onclick: () => { this.open.set(row.id, !isOpen); this.lay(); this.again(); } },
      icon("down"), h("span", {}, row.title || "Row"), h("small", {}, isOpen ? "" : `${row.panels.length} panels`));
    head.dataset.row = row.id;
    head.cell = { x: 0, y: row.grid[1] + shift, w: 24, h: 1 };
    return isOpen ? [head, ...row.panels.map((panel) => this.add(panel, false, shift))] : [head];
  }

  again() {
    for (const panel of this.panels.values()) if (!panel.data) this.ask(panel);
  }

  /** Return the element of a panel: the one that stands already where nothing but its position has changed. */
  add(panel, isSolo = false, shift = 0) {
    const [x, y, w, height] = panel.grid;
    const key = JSON.stringify({ ...panel, grid: null });
    const entry = this.before.get(panel.id)?.key === key ? this.before.get(panel.id) : this.made(panel, key);
    entry.element.cell = { x, y: y + shift, w, h: height, isSolo };
    this.panels.set(panel.id, entry);
    return entry.element;
  }

  made(panel, key) {
    const body = h("div", { class: "panel-body" });
    const state = h("span", { class: "panel-state", "aria-hidden": "true" });
    const element = h("section", { class: `panel kind-${panel.drawn ? panel.kind : "unknown"}${panel.transparent ? " transparent" : ""}`, "aria-label": panel.title || panel.kind }, this.panelHead(panel, state), body);
    element.dataset.panel = panel.id;
    element.dataset.kind = panel.kind;
    const problem = h("p", { class: "panel-problem", role: "status", hidden: true });
    element.append(problem);
    return { key, panel, element, body, state, problem, drawer: panelDrawer(panel, body, { board: this.shared }) };
  }

  panelHead(panel, state) {
    const menu = h("div", { class: "menu panel-menu", hidden: true });
    const open = button("Panel menu", { class: "quiet square panel-more", onclick: () => toggle(menu, () => this.fillMenu(menu, panel)) }, icon("menu"));
    return h("header", { class: "panel-head" },
      h("h2", { title: panel.title }, panel.title), panel.time && h("span", { class: "own-time", title: "This panel has a time range of its own" }, panel.time),
      panel.description && h("span", { class: "described", tabindex: "0", title: panel.description, "aria-label": panel.description }, icon("info")), state, open, menu);
  }

  fillMenu(menu, panel) {
    const entry = this.panels.get(panel.id);
    const isAlone = query().has("viewPanel");
    replace(menu,
      button(isAlone ? "Back to the board" : "View alone", { onclick: () => change({ viewPanel: isAlone ? null : panel.id }) }),
      ...panel.links.map((link) => panelLink(link)),
      ...commands(panel, entry),
      entry?.data?.asked?.length ? h("div", { class: "asked" }, h("small", {}, "What Prometheus was asked"), entry.data.asked.map((each) => h("code", {}, each.query, each.instant ? "" : `  · every ${each.step} s`))) : null);
  }

  fit() {
    const isNarrow = this.grid.clientWidth < NARROW;
    const unit = (this.grid.clientWidth + GAP) / 24;
    this.grid.classList.toggle("narrow", isNarrow);
    let bottom = 0;
    for (const element of this.grid.children) {
      if (!element.cell) continue;
      const { x, y, w, h: height, isSolo } = element.cell;
      const style = isNarrow || isSolo
        ? { left: "", top: "", width: "", height: isSolo ? "calc(100vh - 150px)" : `${Math.max(height * ROW - GAP, element.dataset.row ? 30 : 110)}px` }
        : { left: `${x * unit}px`, top: `${y * ROW}px`, width: `${w * unit - GAP}px`, height: `${height * ROW - GAP}px` };
      Object.assign(element.style, style);
      bottom = Math.max(bottom, y + height);
    }
    this.grid.style.height = isNarrow || this.grid.classList.contains("solo") ? "" : `${bottom * ROW}px`;
  }

  seen(entries) {
    for (const entry of entries) {
      const panel = this.panels.get(entry.target.dataset.panel);
      if (!panel) continue;
      panel.isSeen = entry.isIntersecting;
      if (panel.isSeen && panel.isStale) this.ask(panel);
    }
  }

  async ask(entry) {
    if (entry.isSeen === false) {
      entry.isStale = true;
      return;
    }
    if (!entry.panel.drawn || entry.panel.kind === "text" || entry.isAsking) return;
    entry.isAsking = true;
    entry.isStale = false;
    entry.element.classList.add("asking");
    try {
      const parameters = this.parameters();
      parameters.set("points", String(Math.max(Math.round(entry.body.clientWidth / 2), 60)));
      const data = await get(`viewer/boards/${encodeURIComponent(this.uid)}/panels/${encodeURIComponent(entry.panel.id)}`, parameters, this.closed.signal);
      entry.data = data;
      this.say(entry, [...(data.problems ?? []), ...(data.notices ?? [])], isEmpty(data));
      await entry.drawer.draw(data);
      if (this.annotations) entry.drawer.annotate?.(this.annotations);
      entry.element.dataset.state = (data.problems ?? []).length ? "problem" : "drawn";
    } catch (error) {
      if (error.name === "AbortError") return;
      this.say(entry, [error.message], !entry.data || isEmpty(entry.data));
      entry.element.dataset.state = "problem";
      if (!error.message.startsWith("The viewer")) console.warn(error);
    } finally {
      entry.isAsking = false;
      entry.element.classList.remove("asking");
    }
  }

  /** Mark a panel with what went wrong; where it has nothing to draw (`isBare`), the reason stands in its place. */
  say(entry, problems, isBare) {
    const stands = isBare && problems.length > 0;
    const text = together(problems);
    entry.problem.hidden = !stands;
    entry.problem.textContent = stands ? text : "";
    entry.element.classList.toggle("failed", stands);
    entry.state.textContent = problems.length ? "!" : "";
    entry.state.title = text;
    entry.state.classList.toggle("bad", problems.length > 0);
  }
}

/** Return problems as text; one that several queries share stands once, behind their letters. */
function together(problems) {
  const letters = new Map();
  for (const problem of problems) {
    const [, letter, text] = /^(\w{1,8}): ([^]*)$/.exec(problem) ?? [null, "", problem];
    letters.set(text, [...(letters.get(text) ?? []), letter].filter(Boolean));
  }
  return [...letters].map(([text, all]) => (all.length ? `${all.join(", ")}: ${text}` : text)).join("\n");
}

/** Tell whether an answer leaves a panel without anything to draw. */
function isEmpty(data) {
  return data.empty ?? !(data.traces ?? data.lines ?? []).length;
}

function adHoc(each) {
  const texts = each.values.map((value) => { const [label, operator, ...rest] = value.split("|"); return `${label}${operator}${rest.join("|")}`; });
  const take = (event) => {
    const parts = event.target.value.split(",").map((part) => part.trim().match(/^([^=!~]+?)\s*(=~|!~|!=|=)\s*"?(.*?)"?$/)).filter(Boolean);
    change({ [`var-${each.name}`]: parts.length ? parts.map(([, label, operator, value]) => `${label}|${operator}|${value}`) : "" });
  };
  return h("label", { class: "variable", title: "Filters on every query: service=order, method!~GET|HEAD" }, h("span", {}, each.label),
    h("input", { value: texts.join(", "), placeholder: "label=value, …", "aria-label": each.label, onchange: take }));
}

function variable(each) {
  if (each.kind === "adhoc") return adHoc(each);
  if (each.kind === "textbox") {
    return h("label", { class: "variable" }, h("span", {}, each.label), h("input", { value: each.values[0] ?? "", "aria-label": each.label, onchange: (event) => change({ [`var-${each.name}`]: event.target.value }) }));
  }
  const menu = h("div", { class: "menu variable-menu", role: "listbox", "aria-label": each.label, hidden: true });
  const shown = each.problem ? "–" : each.text || "none";
  return h("div", { class: "variable", "data-variable": each.name }, each.hide !== 1 && h("span", {}, each.label),
    button(each.label, { class: "choice", title: each.problem || shown, onclick: () => toggle(menu, () => choices(menu, each)) }, h("span", { class: "choice-text" }, shown), icon("down")), menu);
}

function choices(menu, each) {
  const chosen = new Set(each.values);
  const set = (values) => change({ [`var-${each.name}`]: values });
  const pick = (value) => {
    if (!each.multi) return set([value]);
    chosen.has(value) ? chosen.delete(value) : chosen.add(value);
    return set(chosen.size ? [...chosen] : each.all ? ["$__all"] : []);
  };
  const list = h("div", { class: "options" });
  const fill = (text) => replace(list, ...each.options.filter(([name]) => name.toLowerCase().includes(text.toLowerCase())).slice(0, 500).map(([name, value]) =>
    button(name, { role: "option", "aria-selected": String(chosen.has(value)), class: chosen.has(value) ? "chosen" : "", onclick: () => pick(value) })));
  fill("");
  replace(menu, each.options.length > 8 && h("input", { placeholder: "Search", "aria-label": "Search", oninput: (event) => fill(event.target.value) }),
    each.all && button("All", { class: each.isAll ? "chosen" : "", onclick: () => set(["$__all"]) }), list);
}

function boardLink(link, uid) {
  if (link.kind !== "dashboards") return h("a", { href: withQuery(link.url, carried({ time: link.keepTime, variables: link.includeVars })), class: "link", title: link.tooltip || null, target: link.blank && !isHere(link.url) ? "_blank" : null, rel: "noreferrer" }, link.title || link.url);
  const menu = h("div", { class: "menu link-menu", hidden: true });
  const fill = async () => {
    const boards = await get("search", new URLSearchParams(link.tags.map((tag) => ["tag", tag]))).catch(() => []);
    replace(menu, ...boards.filter((board) => board.uid).map((board) => h("a", { href: withQuery(`/d/${encodeURIComponent(board.uid)}`, carried({ time: link.keepTime, variables: link.includeVars })), class: board.uid === uid ? "chosen" : "" }, board.title)));
  };
  return h("div", { class: "link-group" }, button(link.title, { class: "quiet", onclick: () => toggle(menu, fill) }, link.title, icon("down")), menu);
}

function panelLink(link) {
  return h("a", { href: withQuery(link.url, carried({ time: link.keepTime, variables: link.includeVars })), target: link.blank && !isHere(link.url) ? "_blank" : null, rel: "noreferrer" }, link.title || link.url);
}

/** Return what leads from a panel on: traces and logs of the services that it shows, and the commands that say the same. */
function commands(panel, entry) {
  const services = [...new Set([...(entry?.data?.series ?? []), ...(entry?.data?.values ?? [])].map((each) => each.labels?.service).filter(Boolean))];
  const chosen = services.length === 1 ? services[0] : "";
  const time = carried({ variables: false });
  if (chosen) time.set("service", chosen);
  return [h("a", { href: withQuery("/traces", time) }, chosen ? `Traces of ${chosen}` : "Traces"), h("a", { href: withQuery("/logs", time) }, chosen ? `Logs of ${chosen}` : "Logs"),
    h("code", { class: "command", title: "The same on the command line" }, chosen ? `devctl why ${chosen}` : `devctl metrics ${path()[1] ?? ""}`)];
}
