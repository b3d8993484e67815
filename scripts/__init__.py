"""Helpers of the project itself: set-up and generated files."""
