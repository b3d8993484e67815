"""Use cases that every front end shares: start, wait, follow, examine the machine, find the reader of a stack."""
