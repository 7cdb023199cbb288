"""Hazard points, risk zones and ranked lists."""
