"""From validity, evidence and posteriors to a decision, which stays while the experiment stays valid."""

from dataclasses import dataclass, fields, replace

import numpy as np

from abtest_lib.stats.arrays import Bools, Ints
from abtest_lib.verdict.best_arm import find_best_arm
from abtest_lib.verdict.evidence import gather_evidence
from abtest_lib.verdict.flags import any_holds
from abtest_lib.verdict.judgement import BestArm, Decisions, Judgement, State
from abtest_lib.verdict.panel import Panel
from abtest_lib.verdict.reason import Effect
from abtest_lib.verdict.rules import Rules
from abtest_lib.verdict.scorecard import Scorecard, gather_findings
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
    card = gather_findings(panel, evidence, rules)
    best_arm = find_best_arm(card, rules)
    return Judgement(panel, rules, validity, evidence, card, best_arm, decide(validity, card, best_arm))


def decide(validity: Validity, card: Scorecard, best_arm: BestArm) -> Decisions:
    """Decide on every day of every experiment.

    Args:
        validity: Tests of the experiments themselves.
        card: What is known about every metric.
        best_arm: The arm with the largest gain.

    Returns:
        The decisions.
    """
    panel = validity.panel
    is_valid = panel.is_day & ~any_holds(Effect.INVALIDATES, validity)
    is_empty = is_valid & card.any_decisive(lambda finding: finding.is_contradictory).any(axis=2)
    can_decide = is_valid & ~any_holds(Effect.WITHHOLDS, validity) & ~is_empty
    proposal = _propose(card, best_arm, validity.rules)
    current = _carry_decisions(card, proposal, best_arm, is_valid, can_decide)
    is_open = can_decide & ~current.is_contradicted
    state = np.where(is_open, current.state, State.NONE)
    is_gain = state == State.GAIN
    return Decisions(
        is_valid=is_valid,
        is_unstable=is_empty | current.is_contradicted,
        is_open=is_open,
        state=state,
        arm=np.where(is_gain, current.arm, -1),
        goal=np.where(is_gain, current.goal, card.first_goal[:, None]),
        decided=np.where(state != State.NONE, current.day, -1),
        winner=_winner(panel, card, is_valid),
    )


def _propose(card: Scorecard, best: BestArm, rules: Rules) -> Ints:
    """Return the `State` that each day would reach on its own, (E, T)."""
    pairs = card.is_compared

    def holds_for_all(flags: Bools) -> Bools:
        return np.asarray(pairs.any(axis=2) & (flags | ~pairs).all(axis=2))

    loses = holds_for_all(card.is_harmful)
    is_worse, is_better = card.any_goal(lambda goal: goal.is_worse), card.any_goal(lambda goal: goal.is_better)
    is_violated = loses & ~holds_for_all(is_worse)
    is_conflict = loses & (is_better & pairs).any(axis=2)
    # A period without any look, because earlier ones have spent the level, does not end in futility.
    ended = ~card.any_goal(lambda goal: ~goal.evidence.has_ended | np.isnan(goal.evidence.lower))
    # A proven gain that cannot be shipped is no reason to keep the control.
    futile = holds_for_all(ended) & ~card.has_gain
    states = [State.GAIN, State.VIOLATION, State.CONFLICT, State.LOSS, State.FUTILITY]
    return np.select([best.ships(rules.ship_probability), is_violated, is_conflict, loses, futile], states, State.NONE)


@dataclass(frozen=True, slots=True, eq=False)
class _Current:
    """The decisions in force, one per experiment, or one per experiment × day.

    Attributes:
        state: A `State`.
        arm: Index of the best arm when it was taken.
        goal: Index of its goal.
        day: Index of the day on which it was taken.
        is_contradicted: Whether the intervals of the day exclude it.
        compared: Arms that were compared when it was taken, one more axis.
    """

    state: Ints
    arm: Ints
    goal: Ints
    day: Ints
    is_contradicted: Bools
    compared: Bools


def _carry_decisions(card: Scorecard, proposal: Ints, best: BestArm, is_valid: Bools, can_decide: Bools) -> _Current:
    """Carry each decision from day to day until the experiment turns invalid or the evidence contradicts it."""
    number = len(proposal)
    none, nowhere = np.full(number, State.NONE), np.full(number, -1)
    current = _Current(none, nowhere, nowhere, nowhere, none > 0, np.zeros_like(card.is_compared[:, 0]))
    days, names = [], [field.name for field in fields(_Current)]
    for t in range(proposal.shape[1]):
        kept = _keep(current, card, t, is_valid[:, t])
        takes = (kept.state == State.NONE) & (proposal[:, t] != State.NONE) & can_decide[:, t]
        current = _Current(
            state=np.where(takes, proposal[:, t], kept.state),
            arm=np.where(takes, best.index[:, t], kept.arm),
            goal=np.where(takes, best.goal[:, t], kept.goal),
            day=np.where(takes, t, kept.day),
            is_contradicted=kept.is_contradicted,
            compared=np.where(takes[:, None], card.is_compared[:, t], kept.compared),
        )
        days.append(current)
    return _Current(*(np.stack([getattr(day, name) for day in days], axis=1) for name in names))


def _keep(current: _Current, card: Scorecard, t: int, is_valid: Bools) -> _Current:
    """Return what is left on day `t` of the decisions of the day before."""
    rows, compared = np.arange(len(current.state)), card.is_compared[:, t]
    # A decision falls with the arm that it is for; one for the control also with arms that were not compared then.
    is_other = (compared & ~current.compared).any(axis=1) | ~compared.any(axis=1)
    is_gone = np.where(current.state == State.GAIN, ~compared[rows, current.arm], is_other)
    state = np.where(is_valid & ~is_gone, current.state, State.NONE)
    is_refuted_gain = (state == State.GAIN) & card.is_harmful[rows, t, current.arm]
    keeps_control = (state != State.NONE) & (state != State.GAIN)
    is_refuted_control = keeps_control & card.is_gain[:, t].any(axis=1)
    return replace(current, state=state, is_contradicted=np.asarray(is_refuted_gain | is_refuted_control))


def _winner(panel: Panel, card: Scorecard, is_valid: Bools) -> Ints:
    best = card.of_goal(card.first_goal, lambda goal: goal.probability_best)
    chance = np.where(panel.is_active & ~np.isnan(best), best, -1.0)
    is_known = is_valid & (chance.max(axis=2) >= 0)
    return np.where(is_known, np.argmax(chance, axis=2), -1)
