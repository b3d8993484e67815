"""Accounts, login, tokens and the key set that tokens are checked against."""
