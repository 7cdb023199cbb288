"""Susceptibility models behind one interface, and what is known of their skill."""
