"""Parameters of mining bowls and of their comparison with licences."""

from __future__ import annotations

from geo_risk.core.params import Params, parameter

_SCI_REP = "Sci. Rep. 2025 s41598-025-02697-2, table 2"


class MiningParams(Params):
    """Bowls of underground mining, and licences."""

    minimum_subsidence_mm_yr: float = parameter(
        30.0, "Slowest peak subsidence of a clue", gt=0, le=10_000,
        source="choice of geo_risk: worked seams sink decimetres a year",
    )  # fmt: skip
    minimum_roundness: float = parameter(
        0.3, "Smallest roundness of a clue: short over long axis of its second moments", ge=0, le=1,
        source="choice of geo_risk",
    )  # fmt: skip
    maximum_radius_m: float = parameter(
        1500.0, "Widest bowl of one working", gt=0, le=20_000,
        source="choice of geo_risk: H cot(delta0) of 800 m depth plus a panel",
    )  # fmt: skip
    minimum_strain_per_yr: float = parameter(
        1e-4, "Smallest peak subsidence over radius; groundwater cones are near 1e-5", gt=0, le=1,
        source="choice of geo_risk, from the probability integral method with H of 150-800 m",
    )  # fmt: skip
    steep_slope_deg: float = parameter(
        10.0, "From this median slope on, slides sink like slow bowls", ge=0, lt=90, source="choice of geo_risk",
    )  # fmt: skip
    steep_strain_per_yr: float = parameter(
        7e-4, "Smallest strain of a clue on such ground", gt=0, le=1,
        source="choice of geo_risk: slides of 80 mm/yr over 150 m stay below",
    )  # fmt: skip
    maximum_east_share: float = parameter(
        0.6, "Largest mean east motion of a bowl as a share of its mean sinking", gt=0, le=10,
        source="choice of geo_risk: bowls move inwards from all sides, slides one way",
    )  # fmt: skip
    maximum_misfit: float = parameter(
        0.5, "Largest norm of the residual over that of the velocities that still is a bowl", gt=0, le=1,
        source="choice of geo_risk",
    )  # fmt: skip
    maximum_chi2: float = parameter(
        3.0, "Residual over noise (reduced chi-squared) up to which a body is a bowl whatever its misfit", ge=1, le=100,
        source="choice of geo_risk: what noise can explain does not speak against a bowl",
    )  # fmt: skip
    tan_beta: float = parameter(
        1.9, "Tangent of the main influence angle", ge=1, le=3, source=f"{_SCI_REP} (1.5-2.2)",
    )  # fmt: skip
    tan_beta_range: tuple[float, float] = parameter(
        (1.5, 2.2), "Smallest and largest tangent of the main influence angle that the depth allows for",
        source=_SCI_REP,
    )  # fmt: skip
    boundary_angle_range_deg: tuple[float, float] = parameter(
        (58.0, 74.5), "Smallest and largest angle delta0, from the edge of the working to the boundary of the bowl, "
        "that the influence distance allows for", source=_SCI_REP,
    )  # fmt: skip
    horizontal_factor: float = parameter(
        0.3, "b of the horizontal displacement U = b r dW/dx", ge=0, le=1, source=f"{_SCI_REP} (0.30-0.32)",
    )  # fmt: skip
    horizontal_factor_spread: float = parameter(
        0.05, "Standard deviation of b before the fit", gt=0, le=1,
        source="choice of geo_risk: wider than the 0.30-0.32 of one province, as other ground is not covered by it",
    )  # fmt: skip
    usual_subsidence_mm: float = parameter(
        1300.0, "Middle of the full subsidence m q of a worked seam, before the fit", gt=0, le=20_000,
        source=f"choice of geo_risk: seams of 1-6 m and q of 0.34-0.82 ({_SCI_REP}) give 340-4900 mm",
    )  # fmt: skip
    usual_subsidence_spread: float = parameter(
        0.7, "Standard deviation of its logarithm", gt=0, le=5, source="choice of geo_risk: that range is +-2 of it",
    )  # fmt: skip
    usual_width_m: float = parameter(
        200.0, "Middle of the width of a face, before the fit", gt=0, le=5000,
        source="choice of geo_risk: longwall faces of 80-350 m, and small rooms",
    )  # fmt: skip
    usual_width_spread: float = parameter(
        0.7, "Standard deviation of its logarithm", gt=0, le=5, source="choice of geo_risk: 50-800 m is +-2 of it",
    )  # fmt: skip
    usual_influence_m: float = parameter(
        155.0, "Middle of the main influence radius, before the fit", gt=0, le=2000,
        source="choice of geo_risk: r of seams at 100-800 m by the published tan(beta) is 45-530 m",
    )  # fmt: skip
    usual_influence_spread: float = parameter(
        0.6, "Standard deviation of its logarithm", gt=0, le=5, source="choice of geo_risk: that range is +-2 of it",
    )  # fmt: skip
    maximum_depth_spread: float = parameter(
        0.25, "Largest standard error of the logarithm of the influence radius that still gives a depth", gt=0, le=2,
        source="choice of geo_risk: beyond it the 95 % interval spans a factor of 2.7",
    )  # fmt: skip
    wavelength_m: float = parameter(
        0.0555, "Radar wavelength of tracks of which neither product nor `inputs.insar[].wavelength_m` states it: "
        "a value is lost where the ground moves a quarter of it between two dates",
        gt=0.01, lt=1, source="Sentinel-1, C band",
    )  # fmt: skip
    window_yr: float = parameter(
        0.45, "Shortest part of the series whose velocity is fitted on its own, to see the face move", gt=0.1, le=10,
        source="choice of geo_risk: 13 dates of a 12-day series",
    )  # fmt: skip
    maximum_windows: int = parameter(
        4, "Most parts a series is divided into", ge=1, le=20, source="choice of geo_risk",
    )  # fmt: skip
    boundary_mm: float = parameter(
        10.0, "Sinking in the observed time that bounds a bowl", gt=0, le=1000,
        source="the 10 mm contour, usual in mining subsidence practice",
    )  # fmt: skip
    licence_error_m: float = parameter(
        20.0, "Standard error of a licence's boundary", ge=0, le=1000,
        source="choice of geo_risk: old licences were brought over between datums with errors of tens of metres",
    )  # fmt: skip
    seam_dip_deg: float = parameter(
        5.0, "Standard deviation of the dip of a seam, by which a bowl lies beside its working", ge=0, le=45,
        source="choice of geo_risk: near-level seams; the shift is H tan(0.7 dip) (propagation angle, from memory)",
    )  # fmt: skip
    n_draws: int = parameter(
        300, "Draws of the fit, the licence boundary and the depth that the verdict rests on", ge=50, le=100_000,
        source="choice of geo_risk: a probability of 0.9 is then known to 0.02",
    )  # fmt: skip
    tolerated_share: float = parameter(
        0.1, "Share of a working that may lie outside of a licence, or inside of one, and count as none", gt=0, lt=0.5,
        source="choice of geo_risk",
    )  # fmt: skip
    inside_probability: float = parameter(
        0.8, "Probability from which a working is called inside its licence", ge=0.5, le=1,
        source="choice of geo_risk: doubt is shown as across the boundary, with its probability",
    )  # fmt: skip
    unlicensed_probability: float = parameter(
        0.9, "Probability from which a working is called unlicensed", ge=0.5, le=1,
        source="choice of geo_risk: an accusation needs strong evidence",
    )  # fmt: skip
