"""Stories, laws and contracts; shared builders are imported as `tests.builders`."""
