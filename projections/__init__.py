"""What the fold says, remembered in tables that can be thrown away and built again."""
