"""What is taken and answered, as models, operation by operation; the documents are made of it."""
