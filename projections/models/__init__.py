"""Models as the store keeps them: documents, generations, ranges, compiled machines."""
