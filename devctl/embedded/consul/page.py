"""The stand-in's own small page: which services are registered and how well they are."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Consul (devctl's embedded stand-in)</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
 :root{color-scheme:light dark} body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}
 table{border-collapse:collapse;width:100%} th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884}
 .passing{color:#2a8a3e}.warning{color:#b07400}.critical{color:#c0392b} p.note{opacity:.75}
</style></head><body>
<h1>Services</h1>
<p class="note">This is devctl's embedded stand-in for HashiCorp Consul, not Consul itself.
 It answers the HTTP API for agent, catalog, health, keys and sessions.</p>
<table>
<thead><tr><th>Service</th><th>Instance</th><th>Address</th><th>Health</th><th>What the checks say</th></tr></thead>
<tbody id="rows"></tbody></table>
<p id="problem" role="alert"></p>
<script>
const cell = (row, text, kind) => {
  const td = row.insertCell(); td.textContent = text; td.className = kind || ""; };
const worst = checks => ["critical", "warning"].find(s => checks.some(c => c.Status === s)) || "passing";
async function draw() {
  try {
    const names = Object.keys(await (await fetch("/v1/catalog/services")).json());
    const rows = document.createElement("tbody");
    for (const name of names.sort()) {
      for (const one of await (await fetch("/v1/health/service/" + encodeURIComponent(name))).json()) {
        const row = rows.insertRow(), status = worst(one.Checks);
        cell(row, name); cell(row, one.Service.ID);
        cell(row, (one.Service.Address || one.Node.Address) + (one.Service.Port ? ":" + one.Service.Port : ""));
        cell(row, status, status);
        cell(row, one.Checks.filter(c => c.ServiceID).map(c => c.Name + ": " + (c.Output || c.Status)).join("; "));
      }
    }
    rows.id = "rows"; document.getElementById("rows").replaceWith(rows);
    document.getElementById("problem").textContent = "";
  } catch (error) { document.getElementById("problem").textContent = "No answer: " + error; }
}
draw(); setInterval(draw, 3000);
</script></body></html>
"""
