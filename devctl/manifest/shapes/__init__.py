"""The shapes that values of a manifest can have: each reads a node, says what it allows, and has its JSON Schema."""
