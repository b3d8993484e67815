// Texts of authors: Markdown and a harmless part of HTML, built element by element; never a script, never a picture of
// elsewhere.

import { h, replace, safeAddress } from "../dom.js";

const KEPT = new Set(["A", "B", "STRONG", "I", "EM", "U", "S", "P", "BR", "HR", "UL", "OL", "LI", "H1", "H2", "H3", "H4", "H5", "H6", "CODE", "PRE", "BLOCKQUOTE", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "SPAN", "DIV", "SMALL", "SUB", "SUP", "CENTER", "DL", "DT", "DD"]);
const DROPPED = new Set(["SCRIPT", "STYLE", "IFRAME", "OBJECT", "EMBED", "TEMPLATE", "NOSCRIPT", "SVG", "MATH", "FORM", "INPUT", "BUTTON", "VIDEO", "AUDIO", "LINK", "META", "BASE"]);
const MOST_NODES = 5000;

export function text(panel, body) {
  const { mode = "markdown", content = "" } = panel.options ?? {};
  const written = String(content).slice(0, 100_000);
  const nodes = mode === "code" ? [h("pre", {}, written)] : mode === "html" ? harmless(written) : markdown(written);
  body.chart = { shown: () => ({ text: body.textContent }) };
  replace(body, h("div", { class: "written" }, nodes));
  body.closest("section")?.setAttribute("data-state", "drawn");
  return { draw() {} };
}

/** Return the harmless part of HTML. It is parsed into a document that runs nothing and loads nothing. */
export function harmless(source) {
  // What is dropped below anyway is taken out before, or the browser would report that its policy has refused it.
  const quiet = source.replace(/([\s"'/])(on\w+|style|src|srcset|background|action)\s*=/gi, "$1data-dropped=").replace(/<(\/?)(style|script|iframe|link|meta|object|embed)\b/gi, "<$1template");
  const parsed = new DOMParser().parseFromString(quiet, "text/html");
  let left = MOST_NODES;
  const copy = (node, depth) => {
    left -= 1;
    if (left < 0 || depth > 40) return null;
    if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
    if (node.nodeType !== Node.ELEMENT_NODE || DROPPED.has(node.tagName.toUpperCase())) return null;
    const children = [...node.childNodes].map((child) => copy(child, depth + 1)).filter(Boolean);
    if (node.tagName === "IMG") return document.createTextNode(node.getAttribute("alt") ?? "");
    if (!KEPT.has(node.tagName)) return h("span", {}, children);
    return node.tagName === "A" ? anchor(node.getAttribute("href") ?? "", children) : h(node.tagName.toLowerCase(), {}, children);
  };
  return [...parsed.body.childNodes].map((node) => copy(node, 0)).filter(Boolean);
}

function anchor(address, children) {
  return safeAddress(address) ? h("a", { href: address, rel: "noreferrer noopener" }, children) : h("span", {}, children);
}

/** Return Markdown as elements: heads, lists, tables, quotes, code, links, emphasis. */
export function markdown(source) {
  const lines = source.replaceAll("\r\n", "\n").split("\n").slice(0, 3000);
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    const [block, next] = blockAt(lines, at);
    if (block) blocks.push(block);
    at = Math.max(next, at + 1);
  }
  return blocks;
}

function blockAt(lines, at) {
  const line = lines[at];
  const head = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (!line.trim()) return [null, at + 1];
  if (head) return [h(`h${head[1].length}`, {}, inline(head[2])), at + 1];
  if (/^\s*(```|~~~)/.test(line)) return fenced(lines, at);
  if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) return [h("hr"), at + 1];
  if (/^\s*>/.test(line)) return run(lines, at, (each) => /^\s*>/.test(each), (all) => h("blockquote", {}, inline(all.map((each) => each.replace(/^\s*>\s?/, "")).join(" "))));
  if (/^\s*([-*+]|\d+[.)])\s+/.test(line)) return listed(lines, at);
  if (line.includes("|") && /^[\s|:-]+$/.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").includes("-")) return tabled(lines, at);
  return run(lines, at, (each) => each.trim() && !/^(#{1,6}\s|\s*(```|>|([-*+]|\d+[.)])\s))/.test(each), (all) => h("p", {}, inline(all.join(" "))));
}

function run(lines, at, belongs, make) {
  let end = at + 1;
  while (end < lines.length && belongs(lines[end])) end += 1;
  return [make(lines.slice(at, end)), end];
}

function fenced(lines, at) {
  let end = at + 1;
  while (end < lines.length && !/^\s*(```|~~~)\s*$/.test(lines[end])) end += 1;
  return [h("pre", {}, h("code", {}, lines.slice(at + 1, end).join("\n"))), end + 1];
}

function listed(lines, at) {
  const isNumbered = /^\s*\d/.test(lines[at]);
  return run(lines, at, (each) => /^\s*([-*+]|\d+[.)])\s+/.test(each) || /^\s{2,}\S/.test(each), (all) => {
    const items = all.reduce((done, each) => (/^\s*([-*+]|\d+[.)])\s+/.test(each) ? [...done, each.replace(/^\s*([-*+]|\d+[.)])\s+/, "")] : [...done.slice(0, -1), `${done.at(-1) ?? ""} ${each.trim()}`]), []);
    return h(isNumbered ? "ol" : "ul", {}, items.map((item) => h("li", {}, inline(item))));
  });
}

function tabled(lines, at) {
  const cells = (line) => line.replace(/^\s*\||\|\s*$/g, "").split("|").map((cell) => cell.trim());
  return run(lines, at, (each) => each.includes("|"), (all) => h("table", {}, h("thead", {}, h("tr", {}, cells(all[0]).map((cell) => h("th", {}, inline(cell))))), h("tbody", {}, all.slice(2).map((line) => h("tr", {}, cells(line).map((cell) => h("td", {}, inline(cell))))))));
}

const INLINE = /(`+)(.+?)\1|!\[([^\]]*)\]\([^)\s]*\)|\[([^\]]{1,500})\]\(([^)\s]{1,2000})(?:\s+"[^"]*")?\)|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s][^*]*?)\*|(?<![\w])_([^_]+?)_(?![\w])|~~(.+?)~~|(https?:\/\/[^\s<>)"']+)|<[^>]{1,500}>/;

function inline(source, depth = 0) {
  const nodes = [];
  let rest = source;
  while (rest) {
    const match = depth < 6 ? INLINE.exec(rest) : null;
    if (!match) {
      nodes.push(rest);
      break;
    }
    nodes.push(rest.slice(0, match.index), spanOf(match, depth));
    rest = rest.slice(match.index + match[0].length);
  }
  return nodes.filter((each) => each !== "" && each !== null);
}

function spanOf([whole, , code, alt, label, address, bold, bolder, italic, italics, struck, bare], depth) {
  if (code !== undefined) return h("code", {}, code);
  if (alt !== undefined) return alt;
  if (label !== undefined) return anchor(address, inline(label, depth + 1));
  if (bold ?? bolder) return h("strong", {}, inline(bold ?? bolder, depth + 1));
  if (italic ?? italics) return h("em", {}, inline(italic ?? italics, depth + 1));
  if (struck) return h("s", {}, inline(struck, depth + 1));
  if (bare) return anchor(bare, [bare]);
  return /^<br\s*\/?>$/i.test(whole) ? h("br") : null;
}
