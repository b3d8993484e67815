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
  let response, body;
  try {
    response = await fetch(address, request);
    body = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error; // also of a body that was only half here: half an answer is none
    throw new Problem(response ? `The viewer answers ${response.status} and no JSON.` : "The viewer does not answer. Is the stack running? See `devctl status`.");
  }
  if (!response.ok) throw new Problem(body.message ?? `The viewer answers ${response.status}.`);
  return body;
}
