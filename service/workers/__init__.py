"""Loops beside the requests: what falls due, what failed, what is no longer needed."""
