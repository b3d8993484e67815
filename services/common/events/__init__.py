"""Events: their form, the brokers that carry them, the outbox they leave by and the inbox they come in by."""
