"""What the stack itself tells: a wait, a stop, what cannot be had."""
