"""The steps of declared checks: one module per kind, each a function of a step and the check it belongs to."""
