"""Who may do what, and how much: keys and tenants, networks, rates, usage, and answers kept."""
