"""The languages that pages and the command line speak, and every sentence in each."""
