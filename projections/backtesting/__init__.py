"""A candidate model tried on history, without a trace in it."""
