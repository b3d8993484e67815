"""The session: protocol, client and connection by which every front end speaks to a stack. Standard library only."""
