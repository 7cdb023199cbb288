"""How a body moves: classes of its series, change of speed, and when it may fail."""
