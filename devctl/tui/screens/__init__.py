"""What can be looked at: one module per view, each turns a part of the stack into rows."""
