"""Requests: who calls, with which parameters and body."""
