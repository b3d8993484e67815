// Makes elements. Text is always text: nothing in this page is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element. `attributes`: `class`, `title`, `on…` handlers, data and aria attributes, `style` as an object. */
export function h(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** Return an SVG element. */
export function s(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "href") {
      const address = safeAddress(value);
      if (address) element.setAttribute("href", address);
    } else if (name === "value" || name === "checked" || name === "disabled" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Return an address that a link may lead to; empty for scripts and whatever else is no page. */
export function safeAddress(text) {
  try {
    const address = new URL(String(text), location.href);
    return ["http:", "https:", "mailto:"].includes(address.protocol) ? String(text).trim() : "";
  } catch {
    return "";
  }
}

/** Tell whether an address leads to this page itself. */
export function isHere(text) {
  try {
    return new URL(text, location.href).origin === location.origin;
  } catch {
    return false;
  }
}

export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
  return element;
}

/** Return a button with an icon or a word. */
export function button(label, attributes = {}, ...children) {
  return h("button", { type: "button", title: label, "aria-label": label, ...attributes }, ...(children.length ? children : [label]));
}

const ICONS = {
  refresh: "M20 11a8 8 0 1 0-2.3 6.3M20 4v7h-7",
  zoomOut: "M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM15.5 15.5L21 21M7.5 10.5h6",
  back: "M15 5l-7 7 7 7",
  forward: "M9 5l7 7-7 7",
  sun: "M12 4V2M12 22v-2M4 12H2M22 12h-2M6 6L4.6 4.6M19.4 19.4L18 18M6 18l-1.4 1.4M19.4 4.6L18 6M12 16a4 4 0 1 1 0-8 4 4 0 0 1 0 8z",
  moon: "M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  down: "M6 9l6 6 6-6",
  info: "M12 11v6M12 7.5v.1M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18z",
  link: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
};

export function icon(name) {
  return s("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, s("path", { d: ICONS[name] ?? ICONS.info }));
}
