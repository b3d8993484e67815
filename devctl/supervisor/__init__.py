"""The background process of one stack: one loop decides, one writer of state."""
