"""Processes and addresses of the machine."""
