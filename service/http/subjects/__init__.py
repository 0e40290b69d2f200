"""Customers and accounts: where each stands, and how it came there; lists of them."""
