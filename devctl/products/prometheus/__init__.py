"""Prometheus: its recipe and how its native program is started."""
