"""New generations out of history, and what they change."""
