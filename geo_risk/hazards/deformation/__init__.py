"""Deformation: InSAR displacement to moving areas and mining clues."""
