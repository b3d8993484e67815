"""Simulated shoppers: guests who look and customers who buy, with Locust."""
