"""The vocabulary that everything speaks: errors, units, grid, layer, levels, schemas."""
