"""Orders: their state machine and the saga over catalog and payment."""
