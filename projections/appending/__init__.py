"""How events enter the log: drafts, admission, one transaction."""
