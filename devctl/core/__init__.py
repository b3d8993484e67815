"""What devctl knows and decides, as plain data and pure functions: no I/O of any kind."""
