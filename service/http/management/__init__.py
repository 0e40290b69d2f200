"""What administrators and operators see and hand out."""
