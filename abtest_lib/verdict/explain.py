"""One sentence with the numbers in it, for somebody who has to act on a verdict."""

from collections.abc import Sequence
from datetime import date

from abtest_lib.contracts.enums import Decision
from abtest_lib.verdict.facts import Facts
from abtest_lib.verdict.reason import Detail, Effect
from abtest_lib.verdict.reasons import REASONS, sentence_of
from abtest_lib.verdict.rules import FEWEST_ARMS, Rules

_MAX_LISTED = 6
_NOTHING = "there is nothing to compare yet"
_HARM = ("guardrail_violated", "goal_worse")


def explain(facts: Facts, rules: Rules = Rules()) -> str:  # noqa: B008  frozen
    """Explain what was decided and on which numbers.

    Examples:
        >>> explain(Facts(date(2021, 8, 9), "ship", ["proven_gain"], "B", "A", 10_000, 600, 10_000, 500, 0.0012, 0.0190,
        ...               2, date(2021, 8, 9), [], None, None))
        'Ship B: it converts 6.00 % against 5.00 % for the control A (+20.0 %), and a gain of at least 0.12 percentage
        points is proven.'
    """
    return _decision(facts, rules) + _stray_days(facts.stray_days)


def _decision(facts: Facts, rules: Rules) -> str:
    if facts.decision == Decision.SHIP:
        return _with_proof(facts, f"Ship {facts.arm}", "it", facts.shown.gain(facts.lower, facts.upper), "gain")
    if facts.decision == Decision.KEEP_CONTROL:
        return _keep_control(facts)
    return _invalid(facts, rules) if facts.decision == Decision.INVALID else _inconclusive(facts, rules)


def _stray_days(days: Sequence[date]) -> str:
    return f" Too few users to count: {_listed([str(day) for day in days])}." if days else ""


def _keep_control(facts: Facts) -> str:
    start = f"Keep {_control(facts)}"
    harm = next((code for code in _HARM if code in facts.reasons), None)
    if harm is not None:
        return _harmful(facts, start, harm)
    if "proven_loss" not in facts.reasons:
        return _futile(facts, start)
    if facts.arms == FEWEST_ARMS:
        return _with_proof(facts, start, str(facts.arm), facts.shown.loss(facts.lower, facts.upper), "loss")
    if _is_earlier(facts):
        worse = f"as decided on {facts.decided_on}, when every other arm was proven worse"
        return f"{start}, {worse}; today the best of them, {facts.arm} {_rates(facts)}."
    return f"{start}: every other arm is proven worse; the best of them, {facts.arm} {_rates(facts)}."


def _harmful(facts: Facts, start: str, code: str) -> str:
    """Give the metrics by which an arm is worse, and today's values of the goal."""
    when = f", as decided on {facts.decided_on}" if _is_earlier(facts) else ""
    arms = "" if facts.arms == FEWEST_ARMS else ", and every other arm is proven worse by a goal or a guardrail"
    return f"{start}{when}: {facts.arm} {_rates(facts)}, but is proven worse by {_metrics(facts, code)}{arms}."


def _futile(facts: Facts, start: str) -> str:
    ended = "the planned end was reached and no arm was proven better"
    if _is_earlier(facts):
        today = f"today {facts.arm} {_rates(facts)}"
        return f"{start}, as decided on {facts.decided_on}: {ended}{_interval(facts)}; {today}."
    return f"{start}: {ended}; {facts.arm} {_rates(facts)}{_interval(facts)}."


def _with_proof(facts: Facts, start: str, subject: str, proven: float | None, kind: str) -> str:
    """Give a decision with its proof and today's counts, which can differ from those of the day of the decision."""
    amount = "" if proven is None or proven <= 0 else f"a {kind} of at least {_amount(facts, proven)}"
    if _is_earlier(facts):
        when = f", when {amount} was proven" if amount else ""
        return f"{start}, as decided on {facts.decided_on}{when}; today {subject} {_rates(facts)}."
    return f"{start}: {subject} {_rates(facts)}{f', and {amount} is proven' if amount else ''}."


def _inconclusive(facts: Facts, rules: Rules) -> str:
    withheld = _first(facts, Effect.WITHHOLDS)
    if facts.arm is None:
        cause = withheld or _first(facts, Effect.EXPLAINS)
        return f"No decision: {_clause(cause, rules) + _named(facts, cause) if cause else _NOTHING}."
    so_far = f"{facts.arm} {_rates(facts)}{_interval(facts)}"
    if withheld:
        named = _named(facts, withheld)
        return f"No decision: {_clause(withheld, rules)}{named or _detail(facts, withheld)}; so far {so_far}."
    if "too_few_conversions" in facts.reasons and facts.smallest_untested is not None:
        return _too_few_conversions(facts, facts.smallest_untested, rules.minimum_conversions)
    causes = [code for code in facts.reasons if REASONS[code].effect is Effect.EXPLAINS and REASONS[code].is_cause]
    cause = f"; {_clause(causes[0], rules)}{_named(facts, causes[0])}" if causes else ""
    return f"No decision yet: {so_far}{cause}."


def _too_few_conversions(facts: Facts, smallest: tuple[str, float, float], minimum: int) -> str:
    arm, users, purchases = smallest
    of_arm = f"{purchases:,.0f} of {users:,.0f} users of {arm}"
    of_control = f"{facts.control_purchases:,.0f} of {facts.control_users:,.0f} of {_control(facts)}"
    needed = f"a test expects {minimum} in the smaller arm who do, and {minimum} who do not"
    return f"No decision yet: {of_arm} and {of_control} converted, and {needed}."


def _invalid(facts: Facts, rules: Rules) -> str:
    cause = next(code for code in facts.reasons if REASONS[code].effect is Effect.INVALIDATES)
    return f"Do not use these numbers: {_clause(cause, rules)}{_detail(facts, cause)}."


def _first(facts: Facts, effect: Effect) -> str | None:
    return next((code for code in facts.reasons if REASONS[code].effect is effect), None)


def _detail(facts: Facts, code: str) -> str:
    detail = REASONS[code].detail
    if detail is Detail.EXPECTED_USERS:
        arms = [f"{arm}: {users:,.0f} (expected {expected:,.0f})" for arm, users, expected in facts.counts]
        p_value = "" if facts.ratio_p_value is None else f"; {_p_value(facts.ratio_p_value)}"
        return f" – users by arm: {_listed(arms)}{p_value}"
    if detail is Detail.CROSS_EXPOSED_SHARE and facts.cross_exposed_share is not None:
        return f" – {_percent(facts.cross_exposed_share)} of the users saw several"
    arms = [f"{arm}: {users:,.0f}" for arm, users, _ in facts.counts]
    return f" – users by arm: {_listed(arms)}" if arms else ""


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items[:_MAX_LISTED]) + (", …" if len(items) > _MAX_LISTED else "")


def _rates(facts: Facts) -> str:
    return f"{facts.shown.values} against {facts.shown.reference} for {_control(facts)}{facts.shown.change}"


def _metrics(facts: Facts, code: str) -> str:
    return " and ".join(facts.metrics.get(code, ())) or "another metric"


def _named(facts: Facts, code: str) -> str:
    """Name the metrics that a reason is about."""
    names = facts.metrics.get(code, ())
    return f" ({_listed(names)})" if names else ""


def _control(facts: Facts) -> str:
    """Return the control with its name, unless that is "control"."""
    is_plain = (facts.control or "").strip().lower() == "control"
    return "the control" if is_plain else f"the control {facts.control}"


def _interval(facts: Facts) -> str:
    if facts.lower is None or facts.upper is None or facts.lower > facts.upper:
        return ""
    ends = " and ".join(facts.shown.number(end, sign=True) for end in (facts.lower, facts.upper))
    return f"; the true difference may lie anywhere between {ends}{facts.shown.unit_of_difference}"


def _amount(facts: Facts, difference: float) -> str:
    return f"{facts.shown.number(difference)}{facts.shown.unit_of_difference}"


def _is_earlier(facts: Facts) -> bool:
    """Whether the decision was taken on an earlier day."""
    return facts.decided_on not in {None, facts.day}


def _clause(code: str, rules: Rules) -> str:
    sentence = sentence_of(code, rules).rstrip(".")
    return sentence[0].lower() + sentence[1:]


def _p_value(p_value: float) -> str:
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.4f}"  # noqa: PLR2004  what a person reads


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
