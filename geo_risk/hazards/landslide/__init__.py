"""Landslides: susceptibility and rainfall-driven warning levels."""
