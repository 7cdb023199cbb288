"""Schemas of the frames about water."""

from __future__ import annotations

from geo_risk.core.schema import Schema, schema_of

SITE_KINDS = ("underpass", "low_lying", "underground_space", "road_dip", "culvert", "other")
SILL_STATES = ("over_sill", "near_sill", "unknown", "below_sill")
"""States of an underground entrance, the gravest first: unknown stands before safe."""

BOUNDS = ("between", "at_most", "more_than", "unknown")
"""How a return period is meant: between storms that were run, or beyond the weakest or the strongest of them."""
OUTCOMES = ("miss", "false_alarm", "hit", "correct_dry", "unknown")
PROPOSALS = ("new_site", "close_site", "check_site")
CAUSES = ("drain_undersized", "drain_blocked", "pump_failed", "inflow_from_upstream", "sag_without_outlet", "unknown")
OPENING_RESULTS = ("carved", "no_hollow", "no_way", "too_deep", "outside")


WATER_SCHEMAS: tuple[Schema, ...] = (
    schema_of(
        "downstream", "structure_id", "Point",
        "rank:rank structure_id:id name:text kind:text hazard_level:level people:count people_may:count "
        "buildings:count buildings_may:count settlements:count settlements_may:count facilities:count "
        "facilities_may:count facility_people:count first_place:text first_distance_km:positive "
        "first_arrival_h:positive depth_max_m:positive status:text path_km:positive runout_m:positive "
        "peak_m3_s:positive volume_m3:positive dam_height_m:positive leaves_map:text reasons:text",
        required="rank kind hazard_level status", kind=("reservoir", "tailings_pond"),
        status=("screened", "tailings", "unknown", "off_stream"), leaves_map=("yes", "no"),
    ),
    schema_of(
        "downstream_places", None, None,
        "structure_id:id structure_name:text place_kind:text place_id:text name:text state:text distance_km:positive "
        "arrival_h:positive depth_m:positive people:count people_may:count buildings:count buildings_may:count "
        "reasons:text",
        required="structure_id place_kind place_id state", place_kind=("settlement", "facility"),
        state=("reached", "may_be_reached"),
    ),
    schema_of(
        "downstream_ways", "structure_id", "LineString",
        "structure_id:id kind:text hazard_level:level km:positive reasons:text", required="kind hazard_level km",
    ),
    schema_of(
        "waterlogging", "site_id", "Point",
        "rank:rank site_id:id name:text kind:text source:text depth_m:positive depth_class:whole "
        "duration_h:positive volume_m3:positive catchment_m2:positive impervious_share:share "
        "critical_rain_mm_h:positive return_period_yr:positive people:count traffic_class:text cause:text "
        "measures:text responsible:text score:number reasons:text",
        required="rank kind source cause",
        kind=SITE_KINDS, source=("inventory", "detected", "both"), cause=CAUSES,
        traffic_class=("trunk", "primary", "secondary", "local", "none"),
    ),
    schema_of(
        "ponding", "site_id", "Polygon",
        "rank:rank site_id:id name:text kind:text source:text depth_m:positive depth_class:whole "
        "volume_m3:positive catchment_m2:positive reasons:text",
        required="kind source", kind=SITE_KINDS, source=("inventory", "detected", "both"),
    ),
    schema_of(
        "underground_entrances", "space_id", "Point",
        "space_id:id name:text sill_state:text people:count sill_height_m:positive water_m:positive margin_m:number "
        "return_period_yr:positive return_period_bound:text reasons:text",
        required="sill_state", sill_state=SILL_STATES, return_period_bound=BOUNDS,
    ),
    schema_of(
        "waterlogging_owners", "site_id", None,
        "site_id:id site_rank:count name:text source:text unit:text owner_gaps:text valid_until:text reasons:text",
        required="site_rank source owner_gaps", source=("inventory", "detected", "both"),
    ),
    schema_of(
        "waterlogging_verification", "verification_id", None,
        "verification_id:id storm_id:text site_id:text name:text outcome:text reported_depth_m:positive "
        "predicted_depth_m:positive reported_class:whole predicted_class:whole reasons:text",
        required="storm_id site_id outcome", outcome=OUTCOMES,
    ),
    schema_of(
        "waterlogging_ledger_proposals", "proposal_id", "Point",
        "proposal_id:id proposal:text site_id:text name:text depth_m:positive n_reports:count n_storms:count "
        "reasons:text",
        required="proposal", proposal=PROPOSALS,
    ),
    schema_of(
        "dem_openings", "opening_id", "Point",
        "opening_id:id kind:text result:text hollow_depth_m:positive hollow_left_m:positive cells:count "
        "cut_depth_m:positive cut_volume_m3:positive reasons:text",
        required="kind result cells", kind=("bridge", "culvert"), result=OPENING_RESULTS,
    ),
    schema_of(
        "pond_cascade", "pond_id", "Point",
        "rank:rank pond_id:id site_ids:text name:text volume_m3:positive catchment_m2:positive fill_share:share "
        "first_spill_h:positive spills_into:text spilled_m3:positive added_m3:positive saved_m3:positive "
        "saved_share:positive reasons:text",
        required="rank volume_m3 spilled_m3",
    ),
    schema_of(
        "sinking_ponds", "pond_id", "Polygon",
        "pond_id:id body_id:text kind:text growth_m3:positive volume_now_m3:positive volume_next_m3:positive "
        "depth_now_m:positive depth_next_m:positive area_next_m2:positive rate_max_mm_yr:positive known_share:share "
        "reasons:text",
        required="body_id growth_m3 volume_next_m3 depth_next_m",
    ),
    schema_of(
        "waterlogging_allocation", "allocation_id", None,
        "allocation_id:id site_id:text site_rank:count name:text depot_id:text n_pumps:count n_crews:count "
        "pump_m3_s:positive travel_min:positive travel_by:text depth_before_m:positive depth_after_m:positive "
        "reasons:text",
        required="site_id depot_id n_pumps pump_m3_s travel_by", travel_by=("road", "straight_line"),
    ),
)  # fmt: skip
"""The frames of waterlogging, hollows and openings of the DEM."""
