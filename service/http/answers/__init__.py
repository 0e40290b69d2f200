"""Answers: how values are told, and answers that do not end."""
