// Asks the viewer's own server, which is the only one that this page may speak to.

export class Problem extends Error {}

/** Return the JSON of an address of the viewer. */
export async function get(address, parameters = "", signal = undefined) {
  const text = String(parameters);
  let response;
  try {
    response = await fetch(`/api/${address}${text ? `?${text}` : ""}`, { signal, headers: { accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The viewer does not answer. Is the stack running? See `devctl status`.");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(body.message ?? `The viewer answers ${response.status}.`);
  return body;
}
