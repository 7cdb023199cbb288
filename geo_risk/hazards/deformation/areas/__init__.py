"""Moving areas: found against the map's own noise, given a kind by clues, and compared with the last bulletin."""
