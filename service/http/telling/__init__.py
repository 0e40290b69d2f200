"""Who wants to be told of transitions: endpoints of webhooks, and live streams."""
