"""Files of other programs made into a stack.yaml that loads; what cannot be taken over is listed with its place."""
