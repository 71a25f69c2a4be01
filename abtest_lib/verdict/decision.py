"""From validity, evidence and posteriors to a decision, which stays while the experiment stays valid."""

from dataclasses import dataclass, fields, replace

import numpy as np

from abtest_lib.stats.arrays import Bools, Floats, Ints, divide
from abtest_lib.verdict.evidence import Evidence, gather_evidence
from abtest_lib.verdict.flags import any_holds
from abtest_lib.verdict.judgement import BestArm, Decisions, Judgement, State
from abtest_lib.verdict.panel import Panel
from abtest_lib.verdict.reason import Effect
from abtest_lib.verdict.rules import Rules
from abtest_lib.verdict.validity import Validity, check_validity


def judge(panel: Panel, rules: Rules | None = None) -> Judgement:
    """Apply all rules to a panel.

    Args:
        panel: Whole histories, from each experiment's first day on.
        rules: The levels and limits.

    Returns:
        The judgement of every day, each using nothing that came later.
    """
    rules = rules or Rules()
    validity, evidence = check_validity(panel, rules), gather_evidence(panel, rules)
    best_arm = _find_best_arm(panel, evidence)
    return Judgement(panel, rules, validity, evidence, best_arm, decide(validity, evidence, best_arm))


def decide(validity: Validity, evidence: Evidence, best_arm: BestArm) -> Decisions:
    """Decide on every day of every experiment.

    Args:
        validity: Tests of the experiments themselves.
        evidence: What the looks prove.
        best_arm: The arm with the largest difference.

    Returns:
        The decisions.
    """
    panel = validity.panel
    is_valid = panel.is_day & ~any_holds(Effect.INVALIDATES, validity)
    is_empty = np.asarray(is_valid & (evidence.lower > evidence.upper).any(axis=2))
    can_decide = is_valid & ~any_holds(Effect.WITHHOLDS, validity) & ~is_empty
    proposal = _propose(evidence, best_arm, validity.rules)
    current = _carry_decisions(evidence, proposal, best_arm.index, is_valid, can_decide)
    is_open = can_decide & ~current.is_contradicted
    state = np.where(is_open, current.state, State.NONE)
    return Decisions(
        is_valid=is_valid,
        is_unstable=is_empty | current.is_contradicted,
        is_open=is_open,
        state=state,
        arm=np.where(state == State.GAIN, current.arm, -1),
        decided=np.where(state != State.NONE, current.day, -1),
        winner=_winner(panel, is_valid),
    )


def _find_best_arm(panel: Panel, evidence: Evidence) -> BestArm:
    rate = np.where(evidence.is_compared, divide(panel.purchases, panel.users), -np.inf)
    index = np.where(evidence.is_compared.any(axis=2), np.argmax(rate, axis=2), -1)
    other = (panel.with_other_policy("users"), panel.with_other_policy("purchases"))
    return BestArm(
        index=index,
        is_proven=_at(evidence.lower, index) > 0,
        probability=_at(panel.probability_beats_control, index),
        leads=_at(panel.difference(panel.users, panel.purchases), index) > 0,
        leads_under_other_policy=_at(panel.difference(*other), index) > 0,
    )


def _at(values: Floats, index: Ints) -> Floats:
    """Return the values of one arm per day; NaN where there is none."""
    taken = np.take_along_axis(values, np.maximum(index, 0)[:, :, None], axis=2)[:, :, 0]
    return np.where(index >= 0, taken, np.nan)


def _propose(evidence: Evidence, best: BestArm, rules: Rules) -> Ints:
    """Return the `State` that each day would reach on its own, (E, T)."""
    pairs, has_pair = evidence.is_compared, evidence.is_compared.any(axis=2)
    is_likely = best.probability >= rules.ship_probability
    ships = best.is_proven & is_likely & best.leads & best.leads_under_other_policy
    loses = has_pair & ((evidence.upper < 0) | ~pairs).all(axis=2)
    # A period without any look, because earlier ones have spent the level, does not end in futility.
    has_looked = evidence.has_ended & ~np.isnan(evidence.lower)
    ended = has_pair & (has_looked | ~pairs).all(axis=2)
    # A proven gain that cannot be shipped is no reason to keep the control.
    futile = ended & ~evidence.has_gain
    return np.select([ships, loses, futile], [State.GAIN, State.LOSS, State.FUTILITY], State.NONE)


@dataclass(frozen=True, slots=True, eq=False)
class _Current:
    """The decisions in force, one per experiment, or one per experiment × day.

    Attributes:
        state: A `State`.
        arm: Index of the best arm when it was taken.
        day: Index of the day on which it was taken.
        is_contradicted: Whether the intervals of the day exclude it.
        compared: Arms that were compared when it was taken, one more axis.
    """

    state: Ints
    arm: Ints
    day: Ints
    is_contradicted: Bools
    compared: Bools


def _carry_decisions(evidence: Evidence, proposal: Ints, best: Ints, is_valid: Bools, can_decide: Bools) -> _Current:
    """Carry each decision from day to day until the experiment turns invalid or the evidence contradicts it."""
    number = len(proposal)
    none, nowhere = np.full(number, State.NONE), np.full(number, -1)
    current = _Current(none, nowhere, nowhere, none > 0, np.zeros_like(evidence.is_compared[:, 0]))
    days, names = [], [field.name for field in fields(_Current)]
    for t in range(proposal.shape[1]):
        kept = _keep(current, evidence, t, is_valid[:, t])
        takes = (kept.state == State.NONE) & (proposal[:, t] != State.NONE) & can_decide[:, t]
        current = _Current(
            state=np.where(takes, proposal[:, t], kept.state),
            arm=np.where(takes, best[:, t], kept.arm),
            day=np.where(takes, t, kept.day),
            is_contradicted=kept.is_contradicted,
            compared=np.where(takes[:, None], evidence.is_compared[:, t], kept.compared),
        )
        days.append(current)
    return _Current(*(np.stack([getattr(day, name) for day in days], axis=1) for name in names))


def _keep(current: _Current, evidence: Evidence, t: int, is_valid: Bools) -> _Current:
    """Return what is left on day `t` of the decisions of the day before."""
    rows, compared = np.arange(len(current.state)), evidence.is_compared[:, t]
    # A decision falls with the arm that it is for; one for the control also with arms that were not compared then.
    is_other = (compared & ~current.compared).any(axis=1) | ~compared.any(axis=1)
    is_gone = np.where(current.state == State.GAIN, ~compared[rows, current.arm], is_other)
    state = np.where(is_valid & ~is_gone, current.state, State.NONE)
    is_refuted_gain = (state == State.GAIN) & (evidence.upper[rows, t, current.arm] < 0)
    keeps_control = (state == State.LOSS) | (state == State.FUTILITY)
    is_refuted_control = keeps_control & (evidence.lower[:, t] > 0).any(axis=1)
    return replace(current, state=state, is_contradicted=np.asarray(is_refuted_gain | is_refuted_control))


def _winner(panel: Panel, is_valid: Bools) -> Ints:
    chance = np.where(panel.is_active & ~np.isnan(panel.probability_best), panel.probability_best, -1.0)
    is_known = is_valid & (chance.max(axis=2) >= 0)
    return np.where(is_known, np.argmax(chance, axis=2), -1)
