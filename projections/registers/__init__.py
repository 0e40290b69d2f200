"""Registers: what stands beside the log, and nothing is folded from."""
