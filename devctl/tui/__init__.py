"""The terminal UI: the whole stack at a glance, every action one key away."""
