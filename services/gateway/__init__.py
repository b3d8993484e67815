"""The one door to the shop: routing, token check, limits, retries, breakers, split of traffic."""
