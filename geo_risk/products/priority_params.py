"""Parameters of how the evacuation list is ranked, and of the draws that tell how firm its ranks are."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from geo_risk.core.params import parameter
from geo_risk.products.pairwise import comparison_matrix, pairwise_weights
from geo_risk.products.rank_params import RankParams

CRITERIA = ("warning", "risk", "people", "vulnerable", "cut_off")
"""What ranks the evacuation list, in the order of its score's parts."""

_CHOICE = "choice of geo_risk"


class PriorityParams(RankParams):
    """How the criteria become a rank, and how far the inputs may be other than they seem."""

    weights_by: Literal["given", "ahp", "entropy"] = parameter(
        "given", "Where the weights come from: `evacuation.scores`; `pairwise` comparisons (analytic hierarchy "
        "process); or the entropy of the criteria on the list, by which what differs most weighs most. With "
        "entropy the order of two settlements depends on all others: a level that rises at a third one can turn it "
        "round.",
        source=f"{_CHOICE}: weights that a person has set and can answer for",
    )  # fmt: skip
    score_by: Literal["weighted_sum", "topsis"] = parameter(
        "weighted_sum", "How weights and criteria make the score. With TOPSIS a score depends on all rows, and raising "
        "a level can lower its own row.",
        source=f"{_CHOICE}: a weighted sum can be checked by hand and never punishes a higher level",
    )  # fmt: skip
    pairwise: dict[str, dict[str, int]] = parameter(
        {}, "Comparisons of the criteria, each pair once, such as `warning: {people: 3}`: a warning is three times as "
        "important as people. Whole numbers 1 (equal) to 9 (extremely more). A consistency ratio above 0.1 is an "
        "error. Where given but not used for the list, the ranks by them stand beside it.",
        source="Saaty 1977, Journal of Mathematical Psychology 15(3)",
    )  # fmt: skip
    weight_change_share: float = parameter(
        0.2, "Share by which one weight at a time is lowered and raised, and within which weights are drawn.",
        source=f"{_CHOICE}: what two officials may differ by", ge=0, lt=1,
    )  # fmt: skip
    level_up_p: float = parameter(
        0.1, "Probability that a warning or risk level is one class higher than told.",
        source=f"{_CHOICE}: set it from the verification of your warnings (geo-risk score, part warning)", ge=0, le=0.5,
    )  # fmt: skip
    cut_off_p: float = parameter(
        0.1, "Probability that the cut-off risk is one class higher, and the same for lower.",
        source=f"{_CHOICE}: bridges and slopes along roads are known less well than villages", ge=0, le=0.5,
    )  # fmt: skip

    @model_validator(mode="after")
    def _comparisons(self) -> PriorityParams:
        if self.weights_by == "ahp" and not self.pairwise:
            what = f"weights_by is ahp, but pairwise is empty; each pair of {list(CRITERIA)} is needed once"
            raise ValueError(what)
        if self.pairwise:
            comparison_matrix(self.pairwise, CRITERIA)
            pairwise_weights(self.pairwise, CRITERIA)
        return self
