"""Jaeger's query API over the spans that the hub keeps: a stand-in where no real Jaeger can be had."""
