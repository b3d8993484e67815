"""Emulators of third-party products, each a process of its own; they name themselves wherever they are seen."""
