"""What every request passes, and what answers before there is anything to answer with."""
