"""What is told and what was refused goes out to topics: at least once, in order by key."""
