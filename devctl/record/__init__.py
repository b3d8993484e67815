"""What is on disk of a run: events, log files with their index, spans."""
