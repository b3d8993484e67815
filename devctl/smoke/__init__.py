"""CI runs: bring the stack up, prove it with checks that are pytest items, report, and take it down."""
