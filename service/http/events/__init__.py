"""Events: taken in from our clients, from those of others and from files; read back."""
