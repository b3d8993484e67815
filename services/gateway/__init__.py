"""The front of the shop: routing, token check, limits, retries, breakers, split of traffic."""
