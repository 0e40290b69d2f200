"""What the SQL adapters share: the tables, and statements compiled once."""
