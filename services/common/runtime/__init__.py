"""What a process needs whatever it serves: settings, time, ids, logs, spans, metrics, background jobs."""
