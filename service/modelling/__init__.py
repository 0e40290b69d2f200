"""The life of models: put, tried against the past, activated, rebuilt, rolled back, retired."""
