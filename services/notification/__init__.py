"""Messages about orders and accounts."""
