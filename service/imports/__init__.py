"""Imports of the past: files of any size, read line by line, through the same door as requests."""
