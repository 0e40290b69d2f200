"""What scripts and stores say to each other: questions, and rows to write."""
