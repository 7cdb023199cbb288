"""Landslides set off by an earthquake."""
