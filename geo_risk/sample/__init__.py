"""The seeded demo county and its ground truth."""
