"""Shallow slope stability by force balance: infinite slope, steady and transient wetness, probability of failure."""
