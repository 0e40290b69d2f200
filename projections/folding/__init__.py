"""From admitted events to profiles, standings and records; again where history changed."""
