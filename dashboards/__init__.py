"""Grafana boards of the shop: built here with the foundation SDK, committed as JSON beside this file."""
