"""Debris-flow source channels: beds steep enough for the water that comes together on them."""
