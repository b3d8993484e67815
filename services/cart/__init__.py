"""Carts of users and guests, and the checkout."""
