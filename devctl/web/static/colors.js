// Colours: Grafana's names in a calm palette, thresholds, value mappings, schemes.

const NAMED = {
  green: ["#4fb286", "#2b8a5f"], yellow: ["#e0b341", "#b07d05"], red: ["#e5645f", "#c8372f"], blue: ["#6ea8fe", "#2f6fd6"], orange: ["#e58a4b", "#c7621b"], purple: ["#a98bf0", "#7550cf"],
};
const SHADES = { "super-light": 0.45, "semi-dark": -0.15, light: 0.25, dark: -0.3 };
const CLASSIC = [
  ["#6ea8fe", "#2f6fd6"], ["#4fb286", "#2b8a5f"], ["#e0b341", "#b07d05"], ["#e58a4b", "#c7621b"], ["#a98bf0", "#7550cf"], ["#4cc0c6", "#16858b"],
  ["#e57fb0", "#c03f7c"], ["#9bbf5b", "#5f8a1c"], ["#c79a7b", "#8e5f3f"], ["#8fa3bf", "#57708f"], ["#e5645f", "#c8372f"], ["#7fd1ae", "#268c68"],
];
const TEXT = { text: ["#d5dbe6", "#1d2430"], transparent: ["transparent", "transparent"], white: ["#fff", "#fff"], black: ["#000", "#000"], semi: ["#888", "#888"] };

export function isLight() {
  return document.documentElement.dataset.theme === "light";
}

function shade() {
  return isLight() ? 1 : 0;
}

/** Return the n-th colour of lines that nobody gave one. */
export function classic(number) {
  return CLASSIC[number % CLASSIC.length][shade()];
}

/** Return a colour by Grafana's name, or one that is written out; grey for what is none. */
export function named(name, fallback = "#8fa3bf") {
  const text = String(name ?? "");
  if (NAMED[text]) return NAMED[text][shade()];
  if (TEXT[text]) return TEXT[text][shade()];
  for (const [prefix, amount] of Object.entries(SHADES)) {
    const rest = text.slice(prefix.length + 1);
    if (text.startsWith(`${prefix}-`) && NAMED[rest]) return lighten(NAMED[rest][shade()], amount);
  }
  if (/^#[0-9a-f]{3,8}$/i.test(text) || /^(rgb|hsl)a?\([\d\s.,%/-]+\)$/i.test(text) || /^[a-z]{3,20}$/i.test(text) && CSS.supports("color", text)) return text;
  return fallback;
}

function parts(color) {
  const text = color.length === 4 ? color.replace(/[0-9a-f]/gi, "$&$&") : color;
  return [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
}

export function lighten(color, amount) {
  const target = amount > 0 ? 255 : 0;
  return `#${parts(color).map((each) => Math.round(each + (target - each) * Math.abs(amount)).toString(16).padStart(2, "0")).join("")}`;
}

/** Return a colour with an opacity. */
export function faded(color, opacity) {
  if (!/^#[0-9a-f]{6}$/i.test(color)) return color;
  return `rgba(${parts(color).join(",")},${opacity})`;
}

/** Return the steps of thresholds as [value, colour], from the lowest. */
export function steps(config) {
  const list = Array.isArray(config?.thresholds?.steps) ? config.thresholds.steps : [];
  const isPercent = config?.thresholds?.mode === "percentage";
  const low = config?.min ?? 0;
  const span = (config?.max ?? 100) - low;
  return list
    .map((step) => [typeof step.value === "number" ? (isPercent ? low + (step.value / 100) * span : step.value) : -Infinity, named(step.color)])
    .sort((a, b) => a[0] - b[0]);
}

export function byThreshold(value, config, fallback) {
  let color = fallback;
  for (const [limit, step] of steps(config)) if (value !== null && value >= limit) color = step;
  return color;
}

/** Return the colour of a single value: by its mapping, its thresholds, a fixed colour or a scheme. */
export function ofValue(value, config, number = 0) {
  const mapped = mapping(value, config);
  if (mapped?.color) return named(mapped.color);
  const mode = config?.color?.mode ?? "thresholds";
  if (mode === "fixed") return named(config.color.fixedColor);
  if (mode === "shades") return lighten(named(config.color.fixedColor), (number % 5) * 0.12);
  if (mode.startsWith("palette-classic")) return classic(number);
  if (mode.startsWith("continuous-")) return scheme(mode.slice(11), share(value, config));
  return byThreshold(value, config, classic(number));
}

/** Return the colour of a line. */
export function ofSeries(config, number, last) {
  const mode = config?.color?.mode ?? "palette-classic";
  if (mode === "fixed" || mode === "shades") return named(config.color.fixedColor, classic(number));
  if (mode === "thresholds") return byThreshold(last ?? null, config, classic(number));
  if (mode.startsWith("continuous-")) return scheme(mode.slice(11), share(last, config));
  return classic(number);
}

function share(value, config) {
  const low = config?.min ?? 0;
  const high = config?.max ?? Math.max(value ?? 0, 1);
  return Math.min(Math.max(((value ?? 0) - low) / (high - low || 1), 0), 1);
}

/** Return what a value mapping says of a value: its text and colour. */
export function mapping(value, config) {
  for (const each of Array.isArray(config?.mappings) ? config.mappings : []) {
    const result = matched(value, each);
    if (result) return result;
  }
  return null;
}

function matched(value, { type, options = {} } = {}) {
  if (type === "value") return options[String(value)] ?? null;
  if (type === "range") {
    const isIn = typeof value === "number" && (options.from ?? -Infinity) <= value && value <= (options.to ?? Infinity);
    return isIn ? options.result : null;
  }
  if (type === "special") {
    const isSuch = { null: value === null, nan: value === null, "null+nan": value === null, true: value === true, false: value === false, empty: value === "" }[options.match];
    return isSuch ? options.result : null;
  }
  if (type === "regex") {
    try {
      const source = /^\/(.*)\/[a-z]*$/.exec(options.pattern ?? "")?.[1] ?? options.pattern ?? "";
      return source.length < 500 && new RegExp(source).test(String(value ?? "").slice(0, 1000)) ? options.result : null;
    } catch {
      return null;
    }
  }
  return null;
}

const SCHEMES = {
  Spectral: ["#3b4cc0", "#4f9ed6", "#7fcdbb", "#d9ef8b", "#fdd56a", "#f7894f", "#d0383f"],
  GrYlRd: ["#4fb286", "#e0b341", "#e5645f"], RdYlGr: ["#e5645f", "#e0b341", "#4fb286"], BlYlRd: ["#6ea8fe", "#e0b341", "#e5645f"], YlRd: ["#f1dc9a", "#e5645f"], BlPu: ["#6ea8fe", "#a98bf0"], YlBl: ["#e0b341", "#6ea8fe"],
  blues: ["#1c2b45", "#6ea8fe"], reds: ["#3b1f24", "#e5645f"], greens: ["#1a3329", "#4fb286"], purples: ["#2a2344", "#a98bf0"],
  Oranges: ["#3a2a1c", "#c7621b", "#ffd9a8"], Blues: ["#16233a", "#2f6fd6", "#b8d4ff"], Greens: ["#15291f", "#2b8a5f", "#b5ecd0"], Reds: ["#331a1c", "#c8372f", "#ffc4c0"],
};
const BY_LOWER = Object.fromEntries(Object.entries(SCHEMES).map(([name, stops]) => [name.toLowerCase(), stops]));

/** Return the colour at a share of 0 to 1 of a scheme. */
export function scheme(name, at) {
  const stops = BY_LOWER[String(name ?? "").toLowerCase()] ?? SCHEMES.Spectral;
  const stop = Math.min(Math.max(at, 0), 1) * (stops.length - 1);
  const low = Math.floor(stop);
  const [from, to] = [parts(stops[low]), parts(stops[Math.min(low + 1, stops.length - 1)])];
  return `rgb(${from.map((each, n) => Math.round(each + (to[n] - each) * (stop - low))).join(",")})`;
}

/** Return black or white, whichever reads on a colour. */
export function readableOn(color) {
  if (!/^#[0-9a-f]{6}$/i.test(color)) return "#fff";
  const [r, g, b] = parts(color);
  return r * 0.299 + g * 0.587 + b * 0.114 > 150 ? "#10151f" : "#fff";
}
