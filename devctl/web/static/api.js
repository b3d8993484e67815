// Asks the viewer's own server, which is the only one that this page may speak to.

export class Problem extends Error {}

/** Return the JSON of an address of the viewer. */
export function get(address, parameters = "", signal = undefined) {
  const text = String(parameters);
  return answered(`/api/${address}${text ? `?${text}` : ""}`, { signal, headers: { accept: "application/json" } });
}

/** Return the JSON that the viewer answers a query with. */
export function post(address, body) {
  return answered(`/api/${address}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

async function answered(address, request) {
  let response;
  try {
    response = await fetch(address, request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The viewer does not answer. Is the stack running? See `devctl status`.");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(body.message ?? `The viewer answers ${response.status}.`);
  return body;
}
