"""The lifecycle as pure functions: events in, stages out; no clock, no randomness, no I/O."""
