"""Figures as ratios to ceilings of the same run; docs/performance.md lists the commands."""
