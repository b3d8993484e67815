"""Grafana's boards read from their JSON: model, variables, layout. Pure: no network, no clock."""
