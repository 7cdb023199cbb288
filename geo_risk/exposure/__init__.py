"""People, buildings, roads and shelters, and the road network between them."""
