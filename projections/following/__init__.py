"""What comes after an append: batches folded later, deadlines that fell due."""
