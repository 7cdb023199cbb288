"""The card of each susceptibility model: what stands in the table of methods."""

from __future__ import annotations

from geo_risk.core.result import MethodCard

_VALIDITY = "slopes like those of the inventory; one kind of landslide at a time; cells of 10-100 m"
_LIMITS = (
    "the probability is that of a place picked from one event and one random cell (odds 1:1)",
    "places that were looked at more often look more susceptible",
)
_SAID = {
    "frequency_ratio": ("frequency ratios of factor classes", "Lee and Talib (2005)"),
    "information_value": ("information values of factor classes", "Yin and Yan (1988); van Westen (1993)"),
    "weights_of_evidence": ("weights of evidence of factor classes", "Bonham-Carter (1994)"),
    "certainty_factor": ("certainty factors of factor classes", "Chung and Fabbri (1993)"),
    "joint": (
        "information values of factor classes, refined in a joint logistic fit",
        "Yin and Yan (1988); van Westen (1993); Eilers and Marx (1996) for the smoothing",
    ),
    "logistic": ("logistic regression", "Cox (1958)"),
    "random_forest": ("random forest", "Breiman (2001)"),
    "gradient_boosting": ("histogram gradient boosting", "Friedman (2001)"),
    "best": (
        "the model that ranks best by inner spatial folds, logistic regression unless another is clearly better",
        "choice within each fold in the sense of Breiman et al. (1984), sec. 3.4.3",
    ),
}


def method_card(model: str) -> MethodCard:
    """Return the card of a model by its name, which may have its settings behind it: "logistic (regularisation 1)"."""
    how, citation = _SAID[model.split(" ", maxsplit=1)[0]]
    return MethodCard(
        name=f"Landslide susceptibility by {how}", citation=f"{citation}; levels by success rates", validity=_VALIDITY,
        limits=_LIMITS,
    )  # fmt: skip
