"""Memory, disk, files, processor."""
