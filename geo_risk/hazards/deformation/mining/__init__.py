"""Bowls above workings: found, fitted, dated, and held against the licences."""
