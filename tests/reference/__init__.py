"""Builds of the real programs that the embedded stand-ins are compared with; never part of devctl itself."""
