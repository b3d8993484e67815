"""Kafka's protocol (https://kafka.apache.org/protocol): one codec for the probe and the embedded broker."""
