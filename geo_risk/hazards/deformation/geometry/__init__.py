"""Lines of sight put together: east and up, downslope, layover and shadow, and sections through a body."""
