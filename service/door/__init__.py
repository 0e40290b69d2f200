"""The strict door: what enters the log is checked here once, and kept exactly as it was sent.

`bodies` cuts a request body into the texts of its events, `events` judges one such text, `strict`
reads JSON without the liberties that parsers take. Imports and Kafka come in by the same door.
"""
