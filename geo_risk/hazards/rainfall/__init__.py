"""Rainfall: accumulations, grades and effective antecedent rain."""
