"""A person forgotten: in the log, in the projections, and beside them."""
