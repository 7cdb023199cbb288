"""One package a hazard, all of the same shape; none imports another."""
