"""Names of the models, in the order in which they are preferred."""

from __future__ import annotations

from typing import Literal, get_args

TableMethod = Literal["frequency_ratio", "information_value", "weights_of_evidence", "certainty_factor", "joint"]
TABLE_METHODS: tuple[TableMethod, ...] = get_args(TableMethod)
Method = Literal[
    "frequency_ratio", "information_value", "weights_of_evidence", "certainty_factor", "joint", "logistic",
    "random_forest", "gradient_boosting",
]  # fmt: skip
METHODS: tuple[Method, ...] = get_args(Method)
REFERENCE_FIRST: tuple[Method, ...] = (
    "logistic", "information_value", "frequency_ratio", "certainty_factor", "weights_of_evidence", "joint",
    "random_forest", "gradient_boosting",
)  # fmt: skip
"""The field's reference, plain logistic regression, then the others, the simpler ones first."""
