"""Schemas of relocation, and of shelters and stocks: what covers whom, what is lacking, where new ones would stand."""

from __future__ import annotations

from geo_risk.core.schema import schema_of

ADVICES = ("relocate", "treat", "monitor")
BASES = ("cost", "loss", "careful", "no_works")
"""Why a way is advised: by cost, by cost and loss, as the careful side of an unknown, for want of known works."""

SITING_SCHEMAS = (
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
        "is_assumed:text source_zh:text source_en:text",
        required="value is_assumed", is_assumed=("yes", "no"),
    ),
    schema_of(
        "relocation_sensitivity", None, None,
        "cost_factor:positive n_relocate:count n_treat:count n_monitor:count n_changed:count people_moved:count "
        "n_cost_unknown:count known_cost_cny:positive",
        required="cost_factor n_relocate n_treat n_monitor n_changed",
    ),
)  # fmt: skip
