"""A shop with two thousand invented customers, to look at stagefold with something in it."""
