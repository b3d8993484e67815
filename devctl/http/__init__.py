"""One small HTTP server (and client) for the processes of a stack; nothing heavier than h11."""
