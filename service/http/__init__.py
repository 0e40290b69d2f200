"""HTTP: requests read, use cases called, answers written; nothing is decided here."""
