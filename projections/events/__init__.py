"""Events as they are kept: offered, stored, decoded, and in the order of the fold."""
