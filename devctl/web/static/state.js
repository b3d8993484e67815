// The address is the state of the page: path, time range, variables. Everything else follows from it.

const listeners = new Set();

/** Call `listener` whenever the address changes. */
export function onAddress(listener) {
  listeners.add(listener);
}

function tell() {
  for (const listener of listeners) listener();
}

addEventListener("popstate", tell);

export function path() {
  return location.pathname.split("/").filter(Boolean).map(decodeURIComponent);
}

export function query() {
  return new URLSearchParams(location.search);
}

/** Go to an address of this page without loading it anew. */
export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  if (!replace) scrollTo(0, 0);
  tell();
}

/** Change parameters of the address: null takes one away, a list repeats it. */
export function change(parameters, options) {
  const next = query();
  for (const [name, value] of Object.entries(parameters)) {
    next.delete(name);
    for (const each of Array.isArray(value) ? value : [value]) if (each !== null && each !== undefined) next.append(name, each);
  }
  go(`${location.pathname}?${next}`, options);
}

/** Return the parameters that boards take along from one to the next. */
export function carried({ time = true, variables = true } = {}) {
  const kept = new URLSearchParams();
  for (const [name, value] of query()) {
    if (time && ["from", "to", "refresh", "timezone"].includes(name)) kept.append(name, value);
    if (variables && name.startsWith("var-")) kept.append(name, value);
    if (name === "kiosk" || name === "theme") kept.append(name, value);
  }
  return kept;
}

export function withQuery(address, parameters) {
  const text = parameters.toString();
  return text ? `${address}${address.includes("?") ? "&" : "?"}${text}` : address;
}

let chosenTheme = null;

export function theme() {
  const wish = query().get("theme") ?? chosenTheme ?? stored("theme");
  if (wish === "light" || wish === "dark") return wish;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

export function setTheme(name) {
  chosenTheme = name;
  try {
    localStorage.setItem("theme", name);
  } catch { /* a browser that keeps nothing forgets it with the page */ }
  if (query().has("theme")) change({ theme: name }, { replace: true });
  else tell();
}

function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
