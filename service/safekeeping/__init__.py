"""What guards the log: seals, their verification, and copies that keep positions."""
