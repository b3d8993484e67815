"""Boards, traces, logs and services in a browser; also the embedded variant of Grafana."""
