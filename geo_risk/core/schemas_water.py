"""Schemas of the frames about water."""

from __future__ import annotations

from geo_risk.core.schema import make_schema

OPENING_RESULTS = ("carved", "no_hollow", "no_way", "too_deep", "outside")

WATER = (
    make_schema(
        "dem_openings",
        "opening_id",
        "Point",
        "opening_id:id kind:text result:text hollow_depth_m:positive hollow_left_m:positive cells:count "
        "cut_depth_m:positive cut_volume_m3:positive reasons:text",
        required="kind result cells",
        kind=("bridge", "culvert"),
        result=OPENING_RESULTS,
    ),
    make_schema(
        "sinking_ponds",
        "pond_id",
        "Polygon",
        "pond_id:id body_id:text kind:text growth_m3:positive volume_now_m3:positive volume_next_m3:positive "
        "depth_now_m:positive depth_next_m:positive area_next_m2:positive rate_max_mm_yr:positive known_share:share "
        "reasons:text",
        required="body_id growth_m3 volume_next_m3 depth_next_m",
    ),
)
