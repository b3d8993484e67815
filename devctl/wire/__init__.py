"""Codecs: bytes to messages and back, for whoever speaks a protocol. Nothing here opens a connection."""
