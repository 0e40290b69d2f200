"""HTTP: requests read, use cases called, answers written; nothing is decided here.

A request passes `layers`, is read with `requests`, and answered with `answers`; `problems` is the
one table of refusals. The routes are in `events`, `subjects`, `models`, `telling` and `management`.
`schemas` says what they take and answer, and `describing` makes the documents of it.
"""
