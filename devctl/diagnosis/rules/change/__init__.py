"""What was changed since it last was good."""
