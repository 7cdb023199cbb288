"""Schemas of every product frame: names, types, ranges and order of columns as in the contract."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.errors import CrsError, SchemaError
from geo_risk.core.schema import LEVEL, TYPES, Schema, schema_of
from geo_risk.core.siting_schemas import SITING_SCHEMAS
from geo_risk.core.water_schemas import WATER_SCHEMAS

if TYPE_CHECKING:
    import pandera.pandas as pa

POINT_KINDS = ("landslide", "rockfall", "debris_flow", "unstable_slope", "ground_collapse", "ground_fissure",
               "ground_subsidence", "mining_subsidence", "tailings_pond")  # fmt: skip
AREA_KINDS = ("landslide", "mining_subsidence", "groundwater_subsidence", "structure_settlement", "unknown")
ACTIVITIES = ("stable", "steady", "accelerating", "decelerating", "seasonal", "step", "unknown")
RELEASE_SOURCES = ("hazard_point", "moving_area", "susceptible_slope", "debris_flow_channel")
RELEASE_KINDS = ("landslide", "debris_flow", "rockfall")
TRENDS = ("accelerating", "steady", "easing", "unknown")
CHANGES = ("new", "returned", "split", "accelerated", "grown", "calmed", "unchanged", "merged", "gone", "not_seen")
WARNING_CHANGES = ("first", "raised", "lowered", "cleared", "held", "unchanged", "now_unknown", "still_unknown")
STATUSES = ("new", "existing", "changed", "dormant", "cancelled")

SCHEMAS: dict[str, Schema] = {
    s.name: s
    for s in (
        schema_of(
            "hazard_points", "point_id", "Point",
            "point_id:id name:text kind:text source:text status:text velocity_mm_yr:number "
            "velocity_std_mm_yr:positive acceleration_mm_yr2:number activity:text area_m2:positive "
            "volume_m3:positive scale:text hazard_level:level people:count households:count assets_cny:positive "
            "danger_grade:text zone_id:text responsible:text monitor:text first_seen:time last_seen:time "
            "confidence:share reasons:text",
            required="kind source status activity hazard_level",
            kind=POINT_KINDS, source=("inventory", "insar", "inventory+insar"), status=STATUSES, activity=ACTIVITIES,
            scale=("small", "medium", "large", "giant"), danger_grade=("I", "II", "III", "IV"),
        ),
        schema_of(
            "risk_zones", "zone_id", "Polygon",
            "zone_id:id kind:text hazard_level:level vulnerability_level:level risk_level:level people:count "
            "households:count buildings:count road_km:positive assets_cny:positive point_ids:text "
            "warning_72h:level warning_24h:level warning_6h:level warning_3h:level warning_1h:level "
            "responsible:text confidence:share reasons:text",
            required="kind hazard_level vulnerability_level risk_level",
        ),
        schema_of(
            "exposure", "place_id", None,
            "place_id:id place_kind:text name:text hazard_kind:text risk_level:level danger_grade:text people:count "
            "people_low:count people_high:count people_day:count vulnerable_people:count households:count "
            "buildings:count road_km:positive farmland_ha:positive facilities:count facility_people:count "
            "facility_names:text assets_cny:positive unknown_hazards:text gaps:text reasons:text",
            required="place_kind", place_kind=("zone", "township", "all_zones", "outside_zones", "total"),
            danger_grade=("I", "II", "III", "IV", "not_graded"),
        ),
        schema_of(
            "active_deformation", "area_id", "Polygon",
            "area_id:id track:text n_pixels:count area_m2:positive velocity_mean_mm_yr:number "
            "velocity_max_mm_yr:number quality:count activity:text acceleration_mm_yr2:number "
            "failure_window_start:time failure_window_end:time kind:text false_alarm_p:share status:text "
            "confidence:share reasons:text",
            required="track n_pixels area_m2 velocity_mean_mm_yr velocity_max_mm_yr quality activity kind status",
            activity=ACTIVITIES, kind=AREA_KINDS,
        ),
        schema_of(
            "deformation_changes", "area_id", "Polygon",
            "area_id:id change:text kind:text area_before_m2:positive area_after_m2:positive "
            "velocity_before_mm_yr:number velocity_after_mm_yr:number speed_change_mm_yr:number "
            "speed_change_std_mm_yr:positive related_ids:text reasons:text",
            required="change", change=CHANGES,
        ),
        schema_of(
            "mining_clues", "clue_id", "Polygon",
            "clue_id:id max_subsidence_mm_yr:number radius_m:positive roundness:share depth_estimate_m:positive "
            "licence_id:text verdict:text outside_share:share first_active:time confidence:share reasons:text "
            "radius_std_m:positive depth_low_m:positive depth_high_m:positive azimuth_deg:positive "
            "advance_m_yr:positive outside_low:share outside_high:share verdict_probability:share "
            "influence_low_m:positive influence_high_m:positive beyond_share:share beyond_low:share beyond_high:share",
            required="verdict", verdict=("inside_licence", "across_boundary", "unlicensed", "unknown"),
        ),
        schema_of(
            "evacuation", "settlement_id", "Point",
            "rank:rank settlement_id:id name:text people:count vulnerable_people:count hazard_kinds:text "
            "risk_level:level warning_level:level leave_before:time shelter_id:text shelter_name:text "
            "assigned_people:count unassigned_people:count route_km:positive travel_min:positive "
            "route_exposed_km:positive cut_off_risk:text backup_shelter_id:text responsible:text score:number "
            "reasons:text",
            required="rank risk_level warning_level cut_off_risk",
            cut_off_risk=("none", "low", "medium", "high", "unknown"),
        ),
        schema_of(
            "evacuation_assignments", None, None,
            "settlement_id:id shelter_id:id people:count route_km:positive travel_min:positive route_id:text "
            "vulnerable_people:count",
            required="settlement_id shelter_id people",
        ),
        schema_of(
            "evacuation_routes", "route_id", "LineString",
            "route_id:id settlement_id:id shelter_id:id km:positive exposed_km:positive role:text",
            required="settlement_id shelter_id km role", role=("main", "backup"),
        ),
        schema_of(
            "cut_off", "settlement_id", "Point",
            "rank:rank settlement_id:id name:text township:text cut_off_risk:text people:count people_staying:count "
            "people_leaving:count vulnerable_people:count bridge_ids:text responsible:text reasons:text",
            required="rank cut_off_risk", cut_off_risk=("low", "medium", "high", "unknown"),
        ),
        *WATER_SCHEMAS,
        *SITING_SCHEMAS,
        schema_of(
            "linear_risk", "segment_id", "LineString",
            "segment_id:id route:text class:text from_km:positive to_km:positive risk_level:level "
            "differential_settlement_mm_yr_per_m:number exposed_zone_ids:text needs_monitoring:text "
            "reasons:text causes:text slope_share:share runout_share:share depth_max_m:positive monitored_by:text "
            "lacks_monitoring:text",
            required="risk_level needs_monitoring", needs_monitoring=("yes", "no", "unknown"),
            lacks_monitoring=("yes", "no", "unknown"),
        ),
        schema_of(
            "unmonitored_sections", None, None,
            "rank:rank segment_id:id route:text class:text from_km:positive to_km:positive risk_level:level "
            "causes:text lacks_monitoring:text reasons:text length_km:positive n_sections:count "
            "monitor_at_km:positive segment_ids:text",
            required="rank segment_id risk_level lacks_monitoring", lacks_monitoring=("yes", "unknown"),
        ),
        schema_of(
            "runout_zones", "zone_id", "Polygon",
            "zone_id:id release_id:text source:text kind:text hazard_level:level vulnerability_level:level "
            "risk_level:level people:count buildings:count settlements:count roads:count area_m2:positive "
            "length_m:positive velocity_m_s:positive arrival_velocity_m_s:positive n_cells:count "
            "unknown_beyond:text reasons:text point_ids:text",
            required="release_id source kind hazard_level vulnerability_level risk_level unknown_beyond",
            source=RELEASE_SOURCES, kind=RELEASE_KINDS, unknown_beyond=("yes", "no"),
        ),
        schema_of(
            "runout_ways", "way_id", "LineString",
            "way_id:id release_id:text source:text kind:text settlement_id:text target_id:text length_m:positive "
            "energy_j_kg:positive velocity_m_s:positive reasons:text",
            required="release_id source kind settlement_id target_id",
            source=RELEASE_SOURCES, kind=RELEASE_KINDS,
        ),
        schema_of(
            "runout_hits", None, None,
            "release_id:id source:text kind:text target_kind:text target_id:id settlement_id:text n_houses:count "
            "people:count energy_j_kg:positive velocity_m_s:positive flux:share distance_m:positive "
            "release_x:number release_y:number reasons:text",
            required="release_id source kind target_kind target_id energy_j_kg",
            source=RELEASE_SOURCES, kind=RELEASE_KINDS, target_kind=("building", "settlement", "road"),
        ),
        schema_of(
            "slope_units", "slope_unit_id", "Polygon",
            "slope_unit_id:id label:count area_m2:positive slope_mean_deg:positive aspect_mean_deg:positive "
            "circular_variance:share is_whole:text reasons:text",
            required="label area_m2 is_whole", is_whole=("yes", "no"),
        ),
        schema_of(
            "debris_flow_channels", "channel_id", "LineString",
            "channel_id:id hazard_level:level length_m:positive drop_m:positive slope_mean_deg:positive "
            "slope_max_deg:positive least_slope_deg:positive area_top_m2:positive area_bottom_m2:positive reasons:text",
            required="hazard_level length_m slope_mean_deg",
        ),
        schema_of(
            "warning_hindcast", "storm_id", None,
            "storm_id:id units:count slid_units:count hits:count hits_in_time:count misses:count false_alarms:count "
            "unknown_units:count pod:share pod_low:share pod_high:share far:share far_low:share far_high:share "
            "csi:share csi_low:share csi_high:share lead_to_slide_h:number lead_to_height_h:number "
            "expected_units:positive warned_share:share rain_mean_mm:positive reasons:text",
            required="units slid_units hits misses false_alarms unknown_units",
        ),
        schema_of(
            "warning_hindcast_townships", None, None,
            "storm_id:id township_id:id name:text units_m2:positive warned_m2:positive level_unknown_m2:positive "
            "warned_share:share slid_units:count warned_slid_units:count reasons:text",
            required="storm_id township_id units_m2 warned_m2 level_unknown_m2",
        ),
        schema_of(
            "planned_sites", "site_id", "Polygon",
            "rank:rank site_id:id name:text use:text verdict:text area_m2:positive hazard_level:level risk_level:level "
            "zone_ids:text zone_share:share susceptible_share:share moving_share:share runout_share:share "
            "runout_distance_m:positive flooded_share:share depth_max_m:positive licence_ids:text licence_share:share "
            "unknown_share:share beyond_map_share:share reasons:text",
            required="rank verdict area_m2 hazard_level unknown_share",
            verdict=("avoid", "restrict", "survey", "none_found"),
        ),
        schema_of(
            "structures", "structure_id", "Polygon",
            "structure_id:id name:text kind:text hazard_level:level velocity_up_mm_yr:number "
            "velocity_up_std_mm_yr:positive velocity_across_mm_yr:number velocity_across_std_mm_yr:positive "
            "speed_mm_yr:positive speed_std_mm_yr:positive activity:text acceleration_mm_yr2:number "
            "failure_window_start:time failure_window_end:time n_cells:count known_share:share off_course_share:share "
            "reasons:text",
            required="kind hazard_level activity",
            kind=("tailings_dam", "tailings_pond", "reservoir_dam", "reservoir"), activity=ACTIVITIES,
        ),
        schema_of(
            "subsidence_zones", "subsidence_id", "Polygon",
            "subsidence_id:id body_id:text kind:text subsidence_level:level rate_from_mm_yr:positive "
            "rate_to_mm_yr:positive rate_mean_mm_yr:number rate_max_mm_yr:number area_m2:positive "
            "volume_loss_m3_yr:number volume_loss_std_m3_yr:positive trend:text "
            "rate_before_mm_yr:number rate_recent_mm_yr:number change_mm_yr:number "
            "change_std_mm_yr:positive people:count buildings:count reasons:text",
            required="kind subsidence_level trend", kind=AREA_KINDS, trend=TRENDS,
        ),
        schema_of(
            "subsidence_townships", "township_id", None,
            "rank:rank township_id:id name:text area_m2:positive known_share:share subsiding_m2:positive "
            "area_class1_m2:positive area_class2_m2:positive area_class3_m2:positive area_class4_m2:positive "
            "unknown_m2:positive off_course_m2:positive rate_mean_mm_yr:number rate_max_mm_yr:number "
            "volume_loss_m3_yr:number volume_loss_std_m3_yr:positive mining_loss_m3_yr:number "
            "mining_loss_std_m3_yr:positive trend:text change_mm_yr:number change_std_mm_yr:positive "
            "people:count buildings:count reasons:text",
            required="rank trend", trend=TRENDS,
        ),
        schema_of(
            "warnings", "warning_id", None,
            "warning_id:id place_kind:text place_id:text name:text township:text township_id:text township_ids:text "
            "stage_h:count issued:time until:time warning_level:level judged_level:level previous_level:level "
            "change:text rain_effective_mm:positive antecedent_mm:positive observed_mm:positive forecast_mm:positive "
            "trigger_mm:number next_level:level margin_mm:number hours_to_blue:positive hours_to_yellow:positive "
            "hours_to_orange:positive hours_to_red:positive motion:text known_share:share method:text reasons:text",
            required="place_kind place_id stage_h issued until warning_level change",
            place_kind=("zone", "point"), motion=("none_seen", "moving", "accelerating", "unknown"),
            change=WARNING_CHANGES,
        ),
        schema_of(
            "warning_townships", "township_id", None,
            "rank:rank township_id:id township:text warning_level:level warning_72h:level warning_24h:level "
            "warning_6h:level warning_3h:level warning_1h:level zones:count zones_warned:count points:count "
            "points_warned:count places_unknown:count changes:text reasons:text",
            required="rank township warning_level",
        ),
        schema_of(
            "warning_gaps", "gap_id", None,
            "gap_id:id gap:text place_id:text name:text township:text kind:text hazard_level:level risk_level:level "
            "warning_level:level reasons:text",
            required="gap place_id", gap=("zone_without_point", "point_outside_zones"),
        ),
    )
}  # fmt: skip
"""The frames of CONTRACT.md, by layer name."""


@cache
def _pandera(name: str) -> pa.DataFrameSchema:
    import pandera.pandas as pa  # half a second to import, and only a broken frame needs it

    schema = SCHEMAS[name]
    columns: dict[str, pa.Column] = {}
    for column, kind in schema.columns.items():
        dtype, bounds = TYPES[kind]
        checks = [getattr(pa.Check, check)(bound) for check, bound in bounds.items()]
        if column in schema.choices:
            checks.append(pa.Check.isin(list(schema.choices[column])))
        columns[column] = pa.Column(dtype, checks=checks, nullable=_may_be_missing(schema, column), coerce=True)
    return pa.DataFrameSchema(columns, strict=False)


def conform(frame: pd.DataFrame, name: str) -> Any:
    """Return the frame with the schema's columns first and in order, its types, and every rule checked.

    Parameters
    ----------
    frame : a GeoDataFrame, or a DataFrame for plain tables. Missing optional columns are added as missing
        (levels as -1); columns that the schema does not know are kept behind the known ones.
    name : a key of SCHEMAS.

    Raises
    ------
    SchemaError : a required value is missing, a value is outside its range or choices, an id or a rank repeats,
        or ranks have gaps. The message lists every broken rule with ids.
    CrsError : a frame with geometry has no CRS.
    """
    schema = SCHEMAS[name]
    plain = pd.DataFrame(frame)
    typed = {c: _typed(plain, c, schema) for c in schema.columns}
    kept = plain[[c for c in plain.columns if c not in typed]]
    out: Any = pd.concat([pd.DataFrame(typed, index=plain.index), kept], axis=1)
    if isinstance(frame, gpd.GeoDataFrame):
        out = gpd.GeoDataFrame(out, geometry=frame.geometry.name, crs=frame.crs)
    out.attrs = frame.attrs
    _check_rules(out, schema)
    if schema.geometry:
        if not isinstance(out, gpd.GeoDataFrame) or out.crs is None:
            what = f"{name} has no CRS"
            raise CrsError(what, where=name, fix="make the frame with the run grid's CRS")
        _check_geometry(out, schema)
    rest = [c for c in out.columns if c not in schema.columns and c != "geometry"]
    order = [*schema.columns, *rest, *(["geometry"] if schema.geometry else [])]
    return out[order].reset_index(drop=True)


def _typed(frame: pd.DataFrame, column: str, schema: Schema) -> Any:
    """Return one column in its type, all missing where the frame has none (levels unknown)."""
    kind = schema.columns[column]
    dtype: Any = TYPES[kind][0]
    if column not in frame.columns:
        if kind == LEVEL:
            return np.full(len(frame), -1, dtype=dtype)
        return np.full(len(frame), np.nan) if dtype == "float64" else pd.array([pd.NA] * len(frame), dtype=dtype)
    values: Any = frame[column]
    if values.dtype == pd.api.types.pandas_dtype(dtype):
        return values
    try:
        return (values if dtype == "string" else pd.to_numeric(values)).astype(dtype)
    except (ValueError, TypeError) as error:
        what = f"{schema.name}.{column} cannot be read as {dtype}: {error}"
        raise SchemaError(what, where=f"{schema.name}.{column}", fix="mend the task that makes this column") from error


def _may_be_missing(schema: Schema, column: str) -> bool:
    return column not in schema.required and schema.columns[column] != LEVEL


def is_sound(out: pd.DataFrame, schema: Schema) -> bool:
    """Return whether every column, of its type already, keeps its bounds and choices and lacks nothing required.

    The same rules as those of `_pandera`, which tells which row breaks which, in a tenth of the time.
    """
    for column, kind in schema.columns.items():
        values = out[column]
        missing = values.isna()
        n_missing = int(missing.sum())
        if n_missing:
            if not _may_be_missing(schema, column):
                return False
            if n_missing == len(values):
                continue
            values = values[~missing]
        if column in schema.choices and not values.isin(schema.choices[column]).all():
            return False
        if not all(getattr(values, check)(bound).all() for check, bound in TYPES[kind][1].items()):
            return False
    return True


def _broken_rules(out: pd.DataFrame, schema: Schema) -> list[str]:
    """Return each rule of a column that is broken, with ids and values of some rows."""
    import pandera.pandas as pa

    problems: list[str] = []
    try:
        _pandera(schema.name).validate(pd.DataFrame(out), lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        for (column, check), rows in cases.groupby(["column", "check"], dropna=False):
            bad = rows["index"].dropna().astype(int).tolist()[:5]
            ids = out[schema.id].iloc[bad].tolist() if schema.id and schema.id in out else bad
            problems.append(f"{column}: {check} (rows {ids}, values {rows['failure_case'].tolist()[:5]})")
    return problems


def _check_rules(out: pd.DataFrame, schema: Schema) -> None:
    problems = [] if is_sound(out, schema) else _broken_rules(out, schema)
    if schema.id and out[schema.id].duplicated().any():
        doubled = sorted(out.loc[out[schema.id].duplicated(), schema.id].astype(str).unique())
        problems.append(f"{schema.id} repeats: {doubled[:20]}")
    if "rank" in schema.columns and schema.name != "ponding" and not _is_ranking(out["rank"]):
        problems.append("rank must be 1, 2, 3, ... without ties or gaps")
    if problems:
        what = f"{schema.name} breaks its schema: " + "; ".join(problems)
        raise SchemaError(what, where=schema.name, fix="mend the rows named, or quarantine them with a reason")


def _is_ranking(rank: pd.Series[Any]) -> bool:
    return bool(sorted(rank.dropna().astype(int)) == list(range(1, len(rank) + 1)))


def _check_geometry(out: gpd.GeoDataFrame, schema: Schema) -> None:
    types = set(out.geometry.geom_type.dropna()) - {schema.geometry, f"Multi{schema.geometry}"}
    empty = out.geometry.isna() | out.geometry.is_empty
    if types or empty.any():
        what = f"{schema.name} has geometry {sorted(types)} and {int(empty.sum())} empty ones; {schema.geometry} needed"
        raise SchemaError(what, where=schema.name, fix="mend the task that makes these rows")
