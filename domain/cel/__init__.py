"""Conditions: a bounded subset of the Common Expression Language, compiled to Python source."""
