"""Scores of any run against any truth."""
