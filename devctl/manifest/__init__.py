"""stack.yaml: read, interpolated, checked and made into a Spec. The model of it lives here and nowhere else."""
