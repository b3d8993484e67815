"""RabbitMQ: its recipe, how its node is started beside its own epmd, and how its own diagnostics are asked."""
