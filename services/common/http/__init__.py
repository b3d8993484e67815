"""HTTP on both sides: the middleware, problems and schemas of a server, and the calls to other services."""
