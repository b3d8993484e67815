"""Charges and refunds through a provider, and the ledger."""
