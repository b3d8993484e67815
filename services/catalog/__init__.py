"""Products, their prices, and the stock with its reservations."""
