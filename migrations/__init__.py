"""The schema as a numbered history of small steps; it never imports the tables of today."""
