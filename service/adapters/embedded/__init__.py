"""Stores inside this process: one algorithm over rows that block, called where a runner says."""
