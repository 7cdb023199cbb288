"""Schemas of relocation, and of shelters and stocks: what covers whom, what is lacking, where new ones would stand."""

from __future__ import annotations

from geo_risk.core.schema import Schema, schema_of

ADVICES = ("relocate", "treat", "monitor")
BASES = ("cost", "loss", "careful", "no_works")
"""Why a way is advised: by cost, by cost and loss, as the careful side of an unknown, for want of known works."""

METHODS = ("max_cover", "p_median")
CANDIDATES = ("settlement", "facility", "shelter")
PROOFS = ("optimal", "gap")
"""Whether a choice of sites is proved to be the best, or a gap to the bound is left."""
MODES = ("drive", "walk")

_PROPOSAL = (
    "rank:rank proposal_id:id name:text township:text siting_method:text candidate_id:id candidate_kind:text "
    "people_gained:count places_needed:count people_near:count unknown_near:count proof:text gap_share:share "
    "purpose:text reasons:text"
)
_BAND = (
    "isochrone_id:id origin:text mode:text band:count from_min:positive to_min:positive n_settlements:count "
    "people:count unknown_settlements:count area_km2:positive road_km:positive reasons:text"
)

SITING_SCHEMAS: tuple[Schema, ...] = (
    schema_of(
        "relocation", "settlement_id", "Point",
        "rank:rank settlement_id:id people:count risk_level:level relocate_cost_cny:positive "
        "treat_cost_cny:positive monitor_cost_cny:positive advice:text reasons:text "
        "name:text township:text settlement_people:count households:count houses:count houses_not_judged:count "
        "people_not_judged:count hazard_level:level hazard_kinds:text threat_ids:text n_threats:count "
        "accelerates:text basis:text relocate_turns_at:positive break_even_return_yr:positive "
        "break_even_people:count annual_loss_cny:positive "
        "relocate_people_avoided:positive treat_people_avoided:positive monitor_people_avoided:positive "
        "relocate_loss_avoided_cny:positive treat_loss_avoided_cny:positive monitor_loss_avoided_cny:positive",
        required="rank risk_level advice basis accelerates",
        advice=ADVICES, basis=BASES, accelerates=("yes", "no"),
    ),
    schema_of(
        "relocation_assumptions", "assumption_id", None,
        "assumption_id:id meaning_zh:text meaning_en:text value:text default_value:text measured_in:text bounds:text "
        "is_assumed:text grounds_zh:text grounds_en:text",
        required="value is_assumed", is_assumed=("yes", "no"),
    ),
    schema_of(
        "relocation_sensitivity", None, None,
        "cost_factor:positive n_relocate:count n_treat:count n_monitor:count n_changed:count people_moved:count "
        "n_cost_unknown:count known_cost_cny:positive",
        required="cost_factor n_relocate n_treat n_monitor n_changed",
    ),
    schema_of(
        "shelter_coverage", "township_id", "Polygon",
        "rank:rank township_id:id name:text n_settlements:count people:count people_near:count people_near_safe:count "
        "shelters:count places:count people_placed:count people_short:count to_place:count to_place_placed:count "
        "to_place_short:count to_place_unknown:count unknown_settlements:count unknown_not_near:count "
        "people_off_network:count state:text reasons:text",
        required="rank people people_near people_short state", state=("short", "unknown", "enough"),
    ),
    schema_of(
        "shelter_proposals", "proposal_id", "Point",
        _PROPOSAL, required="rank siting_method candidate_id candidate_kind proof", siting_method=METHODS,
        candidate_kind=CANDIDATES, proof=PROOFS, purpose=("shelter",),
    ),
    schema_of(
        "stock_reach", "settlement_id", "Point",
        "rank:rank settlement_id:id name:text township:text people:count state:text stock_id:text in_reach:text "
        "stock_min:positive in_reach_failed:text stock_min_failed:positive reach_limit_min:positive reasons:text",
        required="rank state in_reach in_reach_failed", state=("cut_off", "far", "off_network", "near"),
        in_reach=("yes", "no"), in_reach_failed=("yes", "no"),
    ),
    schema_of(
        "stock_needs", None, None,
        "scope:text stock_id:text name:text good:text people_in_need:count unknown_settlements:count need:positive "
        "have:positive short:positive per_person:positive days:positive grounds:text reasons:text",
        required="scope good need people_in_need", scope=("all", "stock", "no_stock"),
    ),
    schema_of(
        "stock_proposals", "proposal_id", "Point",
        _PROPOSAL, required="rank siting_method candidate_id candidate_kind proof", siting_method=METHODS,
        candidate_kind=CANDIDATES, proof=PROOFS, purpose=("stock",),
    ),
    *(
        schema_of(
            f"{origin}_{mode}_times", "isochrone_id", "Polygon", _BAND, required="origin mode band to_min",
            origin=(origin,), mode=(mode,),
        )
        for origin in ("shelter", "stock")
        for mode in MODES
    ),
)  # fmt: skip
