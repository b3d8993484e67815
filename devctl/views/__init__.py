"""Read models of a stack or a run, pure over core and record: what `status` and the displays show."""
