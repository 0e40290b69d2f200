"""Events of another log come in: read from where our own log says, stored with where it ended."""
