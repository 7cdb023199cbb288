"""Readers: sniff, check, normalise units, CRS and nodata, bring onto the grid."""
