"""An exact search for the cheapest choice of hidden cohorts that reveals no sum about few speakers.

For each grouping, the shown cohorts and the sum of all cohorts are published. If only one cohort is hidden, it follows
from these, so a second one must be hidden too. Every sum that can be computed is a linear combination of published
sums; one about too few speakers is a *leak*. A leak remains as long as all cohorts of the combination that gives it are
shown, so one of them must be hidden. So (our choice of method, an implicit hitting set):

1. an integer program hides cohorts at the least cost, such that one of each known combination is hidden 2. the attack
(`attack.disclosed`) searches the shown sums for leaks; each leak adds one combination 3. both steps are repeated until
no leak is found

Since every condition is necessary, the first choice without a leak is the cheapest of all.

Shapes: A atoms, V variables (a cohort that is hidden, or a grouping that is not published at all).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]
Atoms = tuple[int, ...]
Condition = frozenset[int]

MOST_ROUNDS = 100
"""Largest number of rounds of the exact search. After these the cheapest cohort of each leak is hidden for good, which
soon ends the search."""
PART = 1e-7
"""Coefficients below this are rounding errors."""


@dataclass(frozen=True)
class Variables:
    """The cohorts and groupings that can be hidden."""

    sets_VA: Bits
    """Which atoms each variable hides: those of a cohort, or of all cohorts of a grouping."""
    cost_V: NDArray[np.float64]
    """The cost of hiding each variable; positive."""
    members: dict[int, tuple[int, ...]]
    """The number of the variable that leaves out a grouping, and the variables of its cohorts, all of which are hidden
    with it."""


def hide_at_least_cost(
    variables: Variables, begin: Sequence[Condition], leaks: Callable[[Bits], Sequence[Atoms]]
) -> Bits | None:
    """Which variables to hide, (V,).

    Parameters
    ----------
    variables
        What can be hidden.
    begin
        Conditions that are known at the start: at least one variable of each set must be hidden.
    leaks
        A function from the hidden variables to the sets of atoms that leak.

    Returns
    -------
    None where a leak follows from the total of all atoms alone, which is always published.
    """
    conditions = dict.fromkeys(begin)
    for rounds in range(10 * MOST_ROUNDS):
        hidden_V = _cheapest(variables, list(conditions))
        found = leaks(hidden_V)
        if not found:
            return hidden_V
        new = {condition for leak in found if (condition := _combination(variables, hidden_V, leak))}
        if not new:
            return None
        if rounds >= MOST_ROUNDS:
            new = {frozenset({min(one, key=lambda v: (variables.cost_V[v], v))}) for one in new}
        conditions.update(dict.fromkeys(sorted(new, key=sorted)))
    return np.ones(len(variables.cost_V), dtype=bool)


def _cheapest(variables: Variables, conditions: Sequence[Condition]) -> Bits:
    """The cheapest choice that meets all conditions."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    number = len(variables.cost_V)
    rows = np.zeros((len(conditions), number))
    for row, condition in enumerate(conditions):
        rows[row, sorted(condition)] = 1.0
    constraints = [LinearConstraint(rows, 1.0, np.inf)] if len(rows) else []
    for whole, members in variables.members.items():
        implied = np.zeros((len(members), number))
        implied[np.arange(len(members)), list(members)] = 1.0
        implied[:, whole] = -1.0
        constraints.append(LinearConstraint(implied, 0.0, np.inf))
    if not len(rows):
        return np.zeros(number, dtype=bool)
    chosen = milp(
        variables.cost_V,
        integrality=np.ones(number),
        bounds=Bounds(0.0, 1.0),
        constraints=constraints,
        options={"mip_rel_gap": 0.0},
    )
    return np.asarray(chosen.x > 0.5)


def _combination(variables: Variables, hidden_V: Bits, leak: Atoms) -> Condition:
    """The variables of a combination of few published sums that gives a leak: the one with the smallest coefficients.

    The total of all atoms has no cost, since nobody can hide it. Empty if the total alone gives the leak, or rounding.
    """
    from scipy.optimize import linprog

    shown = np.flatnonzero(~hidden_V)
    columns = np.concatenate([np.ones((1, variables.sets_VA.shape[1])), variables.sets_VA[shown]]).T
    wanted = np.isin(np.arange(len(columns)), leak).astype(np.float64)
    system = np.unique(np.column_stack([columns, wanted]), axis=0)
    matrix, right = system[:, :-1], system[:, -1]
    sizes = np.concatenate([[0.0], np.ones(len(shown))])
    solved = linprog(
        np.concatenate([sizes, sizes]), A_eq=np.concatenate([matrix, -matrix], axis=1), b_eq=right, method="highs"
    )
    if solved.x is None:
        return frozenset()
    coefficients = solved.x[: len(sizes)] - solved.x[len(sizes) :]
    return frozenset(shown[np.abs(coefficients[1:]) > PART].tolist())
