"""Lines and structures: settlement by chainage, dams and ponds as bodies, and the watch on subsiding land."""
