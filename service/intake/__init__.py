"""From a checked event to a durable answer: intake, group commit, and what was refused."""
