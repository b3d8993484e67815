// How values are written: Grafana's names of units, three figures where nobody says how many.

const SI = ["", "k", "M", "G", "T", "P", "E"];
const IEC = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DURATION = [[1e-9, "ns"], [1e-6, "µs"], [1e-3, "ms"], [1, "s"], [60, "min"], [3600, "h"], [86400, "d"], [604800, "w"], [31557600, "y"]];

const SECONDS = { ns: 1e-9, "µs": 1e-6, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86400, dtdurationms: 1e-3, dtdurations: 1, clocks: 1, clockms: 1e-3, timeticks: 0.01 };
const SCALED = {
  short: ["", 1000], none: null, bytes: ["B", 1024], decbytes: ["B", 1000], bits: ["b", 1024], decbits: ["b", 1000],
  kbytes: ["B", 1024, 1], mbytes: ["B", 1024, 2], gbytes: ["B", 1024, 3], tbytes: ["B", 1024, 4],
  deckbytes: ["B", 1000, 1], decmbytes: ["B", 1000, 2], decgbytes: ["B", 1000, 3],
  binBps: ["B/s", 1024], Bps: ["B/s", 1000], bps: ["b/s", 1000], binbps: ["b/s", 1024], pps: ["p/s", 1000], Bpm: ["B/min", 1000],
  KBs: ["B/s", 1000, 1], MBs: ["B/s", 1000, 2], GBs: ["B/s", 1000, 3], KiBs: ["B/s", 1024, 1], MiBs: ["B/s", 1024, 2],
  Kbits: ["b/s", 1000, 1], Mbits: ["b/s", 1000, 2], Gbits: ["b/s", 1000, 3],
  hertz: ["Hz", 1000], watt: ["W", 1000], kwatt: ["W", 1000, 1], watth: ["Wh", 1000], kwatth: ["Wh", 1000, 1], joule: ["J", 1000], volt: ["V", 1000], amp: ["A", 1000], mamp: ["A", 1000, -1],
  lengthm: ["m", 1000], lengthkm: ["m", 1000, 1], massg: ["g", 1000], masskg: ["g", 1000, 1], flops: ["FLOPS", 1000], litre: ["L", 1000],
};
const SUFFIX = {
  reqps: " req/s", rps: " rd/s", wps: " wr/s", iops: " io/s", ops: " ops/s", cps: " c/s", eps: " evt/s", mps: " msg/s", rowsps: " rows/s", recps: " rec/s",
  reqpm: " req/min", rpm: " rd/min", wpm: " wr/min", opm: " ops/min", cpm: " c/min", epm: " evt/min", mpm: " msg/min",
  celsius: " °C", fahrenheit: " °F", kelvin: " K", humidity: " %H", decibel: " dB", dB: " dB", percent: "%", rotrpm: " rpm", degree: "°", pressurehpa: " hPa",
};
const CURRENCY = { currencyUSD: "$", currencyEUR: "€", currencyGBP: "£", currencyJPY: "¥", currencyBRL: "R$" };

function figures(value, decimals) {
  const size = Math.abs(value);
  if (decimals !== undefined && decimals !== null) return value.toFixed(Math.min(decimals, 12));
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : Math.min(3 - Math.floor(Math.log10(size || 1)) - 1, 8);
  return trimmed(value.toFixed(digits));
}

function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function scaled(value, [unit, base, power = 0], decimals) {
  const names = base === 1024 ? IEC : SI;
  let step = power;
  let size = value;
  while (Math.abs(size) >= base && step < names.length - 1) { size /= base; step += 1; }
  while (power && step > 0 && Math.abs(size) < 1 && size !== 0) { size *= base; step -= 1; }
  const name = names[Math.max(step, 0)];
  return `${figures(size, decimals)}${unit ? ` ${name}${unit}` : name ? ` ${name}` : ""}`;
}

/** Write a span of time in the two figures that matter. */
export function duration(seconds, decimals) {
  if (seconds === 0) return "0 s";
  const size = Math.abs(seconds);
  const [scale, name] = [...DURATION].reverse().find(([limit]) => size >= limit * 0.9995) ?? DURATION[0];
  return `${figures(seconds / scale, decimals)} ${name}`;
}

function clockSpan(seconds) {
  let left = Math.round(seconds);
  const parts = [];
  for (const [size, name] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
    const count = Math.floor(left / size);
    if (count) parts.push(`${count} ${name}`);
    left -= count * size;
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

/** Write a value in its unit. */
export function format(value, unit = "", decimals = undefined) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (unit === "percentunit") return `${figures(value * 100, decimals)}%`;
  if (unit === "bool") return value ? "true" : "false";
  if (unit === "bool_on_off") return value ? "on" : "off";
  if (unit === "bool_yes_no") return value ? "yes" : "no";
  if (unit === "string" || unit === "none" || unit === "") return unit === "" && Math.abs(value) >= 1e6 ? scaled(value, ["", 1000], decimals) : figures(value, decimals);
  if (unit === "hex") return Math.round(value).toString(16);
  if (unit === "sci") return value.toExponential(decimals ?? 2);
  if (unit === "locale") return value.toLocaleString("en");
  if (unit.startsWith("dateTime")) return unit === "dateTimeFromNow" ? fromNow(value) : when(value);
  if (unit in SECONDS) return unit.startsWith("dt") || unit.startsWith("clock") ? clockSpan(value * SECONDS[unit]) : duration(value * SECONDS[unit], decimals);
  if (unit in SCALED && SCALED[unit]) return scaled(value, SCALED[unit], decimals);
  if (unit in CURRENCY) return CURRENCY[unit] + figures(value, decimals ?? 2);
  if (unit in SUFFIX) return small(value, decimals) + SUFFIX[unit];
  const [kind, rest] = [unit.split(":")[0], unit.slice(unit.indexOf(":") + 1)];
  if (kind === "suffix") return `${figures(value, decimals)} ${rest}`;
  if (kind === "prefix" || kind === "currency") return `${rest} ${figures(value, decimals)}`;
  if (kind === "si") return scaled(value, [rest, 1000], decimals);
  if (kind === "count" || kind === "time") return `${figures(value, decimals)}${kind === "count" ? " " + rest : ""}`;
  return `${figures(value, decimals)} ${unit}`;
}

function small(value, decimals) {
  return Math.abs(value) >= 10000 ? scaled(value, ["", 1000], decimals) : figures(value, decimals);
}

/** Write milliseconds since 1970 as local date and time. */
export function when(milliseconds) {
  const at = new Date(milliseconds);
  return Number.isNaN(at.getTime()) ? "" : `${day(at)} ${clock(at)}`;
}

function fromNow(milliseconds) {
  const seconds = (Date.now() - milliseconds) / 1000;
  return seconds < 0 ? `in ${clockSpan(-seconds)}` : `${clockSpan(seconds)} ago`;
}

export function day(at) {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

export function clock(at, withMilliseconds = false) {
  const text = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return withMilliseconds ? `${text}.${String(at.getMilliseconds()).padStart(3, "0")}` : text;
}

function two(number) {
  return String(number).padStart(2, "0");
}

export function bytes(value) {
  return scaled(value, ["B", 1000]);
}
