"""The feed goes out to topics of others: at least once, in order for each customer."""
