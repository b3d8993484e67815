"""devctl: start, watch and explain a whole microservice system on one machine."""

__version__ = "0.1.0"
