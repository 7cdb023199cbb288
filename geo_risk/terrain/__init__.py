"""Terrain layers that several hazards share, lazy on Dask and exact across tiles."""
