"""Jaeger's query API over the spans that the hub keeps: an emulator where no real Jaeger can be had."""
