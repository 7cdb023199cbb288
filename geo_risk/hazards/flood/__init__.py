"""Floods: depressions, runoff and depth at waterlogging sites."""
