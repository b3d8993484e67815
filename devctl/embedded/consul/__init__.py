"""A small Consul that stands in where the real one cannot be had: one server, its HTTP API, no DNS, no ACLs."""
