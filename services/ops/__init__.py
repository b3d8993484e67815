"""Commands of operators: a demonstration, dead letters, the reconciliation check, the health check of an image."""
