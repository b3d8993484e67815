"""How instances are started, stopped and observed, one module per kind."""
