"""The rules that turn evidence into causes: one small module each, in one package a group, found by looking there."""
