"""The ways to ask "ready?", one module each."""
