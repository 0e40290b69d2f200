"""The live stream: transitions as they happen, to whoever listens."""
