"""Who there is: names, profiles, who is joined to whom, and where each stands."""
