"""The hub: OTLP in, the record of a run behind it, exporters after it."""
