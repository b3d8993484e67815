"""Topics, consumers and dead letters."""
