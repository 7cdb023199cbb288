"""Pure NumPy and Numba loops, one phenomenon a file."""
