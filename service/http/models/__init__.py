"""Models: versions, boards, rebuilds and backtests."""
