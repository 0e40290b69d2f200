"""Pages for people: the board of a model, and one customer's whole story.

They show what the API answers, from the same use cases, as HTML made on the server; they work
without scripts, in English and Japanese.
"""
