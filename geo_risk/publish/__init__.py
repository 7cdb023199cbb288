"""Writers: atomic files, escaping, GIS layers, lists, map and report."""
