"""Webhooks: who asked to be told of transitions is told, signed, in order, at least once."""
