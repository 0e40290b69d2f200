"""What proves that nothing was lost or changed, and brings it back."""
