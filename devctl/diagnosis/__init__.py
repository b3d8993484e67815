"""What `devctl why` answers: causes with their evidence, computed by the process that asks."""
