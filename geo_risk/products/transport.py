"""The transport problem of people and shelters on the pairs known so far, as a program that takes more pairs later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError


@dataclass(frozen=True)
class Pairs:
    """Pairs of a settlement and a shelter with the cost of each [min a person]."""

    settlement: NDArray[np.int64]
    shelter: NDArray[np.int64]
    cost: NDArray[np.float64]

    def where(self, keep: NDArray[np.bool_]) -> Pairs:
        """Return those of a mask."""
        return Pairs(self.settlement[keep], self.shelter[keep], self.cost[keep])

    def __add__(self, more: Pairs) -> Pairs:
        """Return these and then others."""
        columns = zip(
            (self.settlement, self.shelter, self.cost), (more.settlement, more.shelter, more.cost), strict=True
        )
        return Pairs(*(np.concatenate(both) for both in columns))


class Transport:
    """The program, solved by HiGHS' simplex from where it last ended.

    Minimise sum(cost x) + missing sum(u) + 2 missing sum(v), x, u, v >= 0, where x + u + v of each settlement are its
    people, u of them at most those who do not come first, and x of each shelter at most its places. New pairs enter
    with x = 0, so that the last corner is one of the larger program too and the primal simplex goes on from there.
    Edges are priced as they are (Dantzig): the weights of other rules cost more than the steps they save here.

    Parameters
    ----------
    people, first : (settlements,) whole numbers >= 0, first <= people. places : (shelters,) whole numbers >= 0.
    missing : price of a person without a place [min]; of one who comes first it is twice that.
    """

    def __init__(
        self, people: NDArray[np.float64], first: NDArray[np.float64], places: NDArray[np.float64], *, missing: float
    ) -> None:
        import highspy

        self._api: Any = highspy
        self._n, self._m = len(people), len(places)
        self._is_new = True
        self._solver: Any = highspy.Highs()
        options = {"output_flag": False, "threads": 1, "parallel": "off", "presolve": "off", "solver": "simplex",
                   "simplex_dual_edge_weight_strategy": 0, "simplex_primal_edge_weight_strategy": 0}  # fmt: skip
        for name, value in options.items():
            self._solver.setOptionValue(name, value)
        n, m, inf = self._n, self._m, highspy.kHighsInf
        lower, upper = np.append(people, np.full(m, -inf)), np.append(people, places)
        nothing = np.zeros(0, dtype=np.int32)
        self._solver.addRows(n + m, lower, upper, 0, np.zeros(n + m, dtype=np.int32), nothing, np.zeros(0))
        rows = np.arange(n, dtype=np.int32)
        for price, most in ((missing, people - first), (2 * missing, np.full(n, inf))):
            self._solver.addCols(n, np.full(n, price), np.zeros(n), most, n, rows, rows, np.ones(n))

    def add(self, pairs: Pairs) -> None:
        """Let people of these pairs go; a pair enters once."""
        k = len(pairs.cost)
        rows = np.column_stack([pairs.settlement, self._n + pairs.shelter]).astype(np.int32).reshape(-1)
        begins = np.arange(0, 2 * k, 2, dtype=np.int32)
        self._solver.addCols(
            k, pairs.cost, np.zeros(k), np.full(k, self._api.kHighsInf), 2 * k, begins, rows, np.ones(2 * k)
        )

    def solve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the dual prices: of a person of each settlement, and of a place in each shelter (>= 0) [min].

        Raises
        ------
        DataError : HiGHS does not end in an optimum, neither from the last corner nor anew.
        """
        dual, primal = 1, 4
        self._solver.setOptionValue("simplex_strategy", dual if self._is_new else primal)
        self._solver.run()
        if not self._is_optimal():
            self._solver.clearSolver()
            self._solver.setOptionValue("simplex_strategy", dual)
            self._solver.run()
        if not self._is_optimal():
            what = f"the solver ended with: {self._solver.modelStatusToString(self._solver.getModelStatus())}"
            raise DataError(what, where="evacuation", fix="report this case: an optimum always exists here")
        self._is_new = False
        price = np.array(self._solver.getSolution().row_dual, dtype=np.float64)
        return price[: self._n], np.maximum(0.0, -price[self._n :])

    def flow(self) -> NDArray[np.float64]:
        """Return the people of each pair, in the order in which the pairs were added."""
        return np.array(self._solver.getSolution().col_value, dtype=np.float64)[2 * self._n :]

    def _is_optimal(self) -> bool:
        return bool(self._solver.getModelStatus() == self._api.HighsModelStatus.kOptimal)
