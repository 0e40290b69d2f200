"""Webhooks as rows: who is to be told, of what, in which order, and how it went."""
