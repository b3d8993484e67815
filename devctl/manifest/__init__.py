"""stack.yaml: read, interpolated, checked and made into a Spec. pydantic lives here and nowhere else."""
