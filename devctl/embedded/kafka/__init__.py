"""A small Kafka broker that stands in where the real one cannot be had: one node, its log on disk."""
