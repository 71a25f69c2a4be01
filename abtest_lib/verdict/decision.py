"""From validity, evidence and belief to a decision; the first one stands while the experiment stays valid."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.contracts.enums import Decision
from abtest_lib.stats.arrays import Bools, Floats, Ints, divide
from abtest_lib.verdict.evidence import Evidence
from abtest_lib.verdict.panel import Panel
from abtest_lib.verdict.reasons import Weight, codes_of
from abtest_lib.verdict.rules import Rules
from abtest_lib.verdict.validity import Validity

_NONE, _SHIP, _LOSS, _FUTILE = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """The decisions of a panel.

    Attributes:
        flags: Reason code to whether it holds, (E, T); the validity's flags among them.
        is_valid: Whether the numbers may be believed, (E, T).
        decision: A `Decision`'s value, (E, T).
        arm: Index of the arm to ship, (E, T); -1 otherwise.
        decided: Index of the day of the decision that stands, (E, T); -1 where none does.
        best: Index of the arm with the largest difference, (E, T); -1 where nothing can be compared.
        winner: Index of the arm with the highest probability of being best, (E, T); -1 when invalid or unknown.
    """

    flags: dict[str, Bools]
    is_valid: Bools
    decision: np.ndarray[tuple[int, ...], np.dtype[np.str_]]
    arm: Ints
    decided: Ints
    best: Ints
    winner: Ints


def decide(panel: Panel, validity: Validity, evidence: Evidence, rules: Rules) -> Decisions:
    """Apply the rules to every day of every experiment.

    Args:
        panel: The histories.
        validity: What was found about the experiments.
        evidence: What the looks prove.
        rules: The levels and limits.

    Returns:
        The decisions.
    """
    flags = dict(validity.flags)
    is_valid = panel.is_day & ~_any(flags, Weight.INVALIDATES)
    best = _largest_difference(panel, evidence)
    is_empty = evidence.lower > evidence.upper
    flags["effect_unstable"] = np.asarray(is_valid & is_empty.any(axis=2))
    proposal = _propose(panel, evidence, best, flags, rules)
    withheld = _any(flags, Weight.WITHHOLDS)
    state, arm, decided, contradicted = _let_the_first_stand(evidence, proposal, best, is_valid, withheld)
    flags["effect_unstable"] |= contradicted
    open_day = is_valid & ~withheld & ~contradicted
    state = np.where(open_day, state, _NONE)
    arm, decided = np.where(state == _SHIP, arm, -1), np.where(state != _NONE, decided, -1)
    winner = _winner(panel, is_valid)
    _explain_state(panel, flags, state, arm, decided, winner)
    flags["drifted"] = _drifted(panel, evidence) & (state != _NONE)
    _explain_open(evidence, flags, open_day & (state == _NONE))
    for code in codes_of(Weight.EXPLAINS):  # they tell why there is no decision
        flags[code] &= state == _NONE
    names = np.array([Decision.INCONCLUSIVE, Decision.SHIP, Decision.KEEP_CONTROL, Decision.KEEP_CONTROL])
    decision = np.where(is_valid, names[state], Decision.INVALID)
    return Decisions(flags, is_valid, decision, arm, decided, best, winner)


def _any(flags: dict[str, Bools], weight: Weight) -> Bools:
    return np.asarray(np.any([flags[code] for code in codes_of(weight) if code in flags], axis=0))


def _largest_difference(panel: Panel, evidence: Evidence) -> Ints:
    rate = np.where(evidence.is_compared, divide(panel.purchases, panel.users), -np.inf)
    return np.where(evidence.is_compared.any(axis=2), np.argmax(rate, axis=2), -1)


def _at(values: Floats, index: Ints) -> Floats:
    """The values of one arm of each day; NaN where there is none."""
    taken = np.take_along_axis(values, np.maximum(index, 0)[:, :, None], axis=2)[:, :, 0]
    return np.where(index >= 0, taken, np.nan)


def _propose(panel: Panel, evidence: Evidence, best: Ints, flags: dict[str, Bools], rules: Rules) -> Ints:
    """What each day on its own would decide; and why a proven gain is not shipped."""
    pairs = evidence.is_compared
    is_gain, is_loss = evidence.lower > 0, evidence.upper < 0
    best_gains = np.nan_to_num(_at(evidence.lower, best), nan=-1.0) > 0
    belief = _at(panel.probability_beats_control, best)
    others = (panel.with_other_policy("users"), panel.with_other_policy("purchases"))
    own = _at(_difference(panel, panel.users, panel.purchases), best) > 0
    other = _at(_difference(panel, *others), best) > 0
    flags["posterior_disagrees"] = best_gains & (belief < rules.ship_probability)
    flags["policy_sensitive"] = best_gains & (own != other)
    flags["best_arm_unproven"] = np.asarray(~best_gains & (is_gain & pairs).any(axis=2))
    flags["posterior_missing"] = np.asarray(pairs.any(axis=2) & np.isnan(panel.probability_beats_control).all(axis=2))
    ships = best_gains & (belief >= rules.ship_probability) & own & other
    loses = pairs.any(axis=2) & (is_loss | ~pairs).all(axis=2)
    # The end decides what was looked at: a period to which earlier ones have left nothing has no look at all.
    has_looked = evidence.has_ended & ~np.isnan(evidence.lower)
    ended = pairs.any(axis=2) & (has_looked | ~pairs).all(axis=2)
    # A proven gain that may not be shipped is no reason to keep the control.
    futile = ended & ~(is_gain & pairs).any(axis=2)
    return np.select([ships, loses, futile], [_SHIP, _LOSS, _FUTILE], _NONE)


def _difference(panel: Panel, users: Floats, purchases: Floats) -> Floats:
    return divide(purchases, users) - divide(panel.of_control(purchases), panel.of_control(users))


def _let_the_first_stand(
    evidence: Evidence, proposal: Ints, best: Ints, is_valid: Bools, withheld: Bools
) -> tuple[Ints, Ints, Ints, Bools]:
    """Walk through the days: a decision stands until the experiment turns invalid or the evidence turns against it."""
    rows = np.arange(len(proposal))
    states, arms, days = np.full((3, *proposal.shape), -1)
    contradicted = np.zeros_like(is_valid)
    state, arm, day = np.zeros(len(rows), dtype=np.int64), np.full(len(rows), -1), np.full(len(rows), -1)
    judged = np.zeros_like(evidence.is_compared[:, 0])
    for t in range(proposal.shape[1]):
        compared = evidence.is_compared[:, t]
        # A decision falls with the arm that it is for; one for the control also with arms that it did not know.
        is_other = (compared & ~judged).any(axis=1) | ~compared.any(axis=1)
        gone = np.where(state == _SHIP, ~compared[rows, arm], is_other)
        state = np.where(is_valid[:, t] & ~gone, state, _NONE)
        against = _turned(state, arm, evidence.lower[:, t], evidence.upper[:, t], rows)
        contradicted[:, t] = against
        takes = (state == _NONE) & (proposal[:, t] != _NONE) & is_valid[:, t] & ~withheld[:, t]
        state = np.where(takes, proposal[:, t], state)
        arm, day = np.where(takes, best[:, t], arm), np.where(takes, t, day)
        judged = np.where(takes[:, None], compared, judged)
        states[:, t], arms[:, t], days[:, t] = state, arm, day
    return states, arms, days, contradicted


def _turned(state: Ints, arm: Ints, lower: Floats, upper: Floats, rows: Ints) -> Bools:
    """Whether the intervals of a day exclude the decision that stands; only a new period's can."""
    ship = (state == _SHIP) & (upper[rows, arm] < 0)
    keep = ((state == _LOSS) | (state == _FUTILE)) & (lower > 0).any(axis=1)
    return np.asarray(ship | keep)


def _drifted(panel: Panel, evidence: Evidence) -> Bools:
    """Whether a difference of today lies outside the interval that the looks have left."""
    today = _difference(panel, panel.users, panel.purchases)
    return np.asarray(((today < evidence.lower) | (today > evidence.upper)).any(axis=2))


def _winner(panel: Panel, is_valid: Bools) -> Ints:
    chance = np.where(panel.is_active & ~np.isnan(panel.probability_best), panel.probability_best, -1.0)
    known = is_valid & (chance.max(axis=2) >= 0)
    return np.where(known, np.argmax(chance, axis=2), -1)


def _explain_state(panel: Panel, flags: dict[str, Bools], state: Ints, arm: Ints, decided: Ints, winner: Ints) -> None:
    period = np.cumsum(panel.is_first, axis=1)
    of_decision = np.take_along_axis(period, np.maximum(decided, 0), axis=1)
    flags["proven_gain"], flags["proven_loss"], flags["futility"] = (state == s for s in (_SHIP, _LOSS, _FUTILE))
    flags["decided_in_earlier_period"] = (state != _NONE) & (of_decision < period)
    other_arm = flags["proven_gain"] & (winner != arm)
    other_control = flags["proven_loss"] & (winner != panel.control[:, None])
    flags["winner_differs"] = (winner >= 0) & (other_arm | other_control)


def _explain_open(evidence: Evidence, flags: dict[str, Bools], is_open: Bools) -> None:
    pairs = evidence.is_compared
    no_look = pairs & np.isnan(evidence.lower)
    flags["too_few_conversions"] = np.asarray((pairs & ~evidence.may_test).any(axis=2))
    waits = is_open & ~flags["too_few_conversions"] & no_look.any(axis=2)
    flags["too_early"], flags["level_spent"] = waits & ~evidence.is_spent, waits & evidence.is_spent
    said = [code for code in codes_of(Weight.EXPLAINS) if code not in {"not_proven", "posterior_missing"}]
    flags["not_proven"] = is_open & ~np.any([flags[code] for code in said], axis=0)
