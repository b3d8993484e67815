"""The relay: the process that holds shared ports and passes connections to healthy instances."""
