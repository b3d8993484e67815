"""Builds of the real programs that the embedded emulators are compared with; never part of devctl itself."""
