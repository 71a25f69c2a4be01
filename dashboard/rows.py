"""The rows of an experiment's tables, for the pages and for the report; keys are those of the columns in `labels`."""

from collections.abc import Iterator, Sequence
from typing import Literal

from abtest_lib import answers
from abtest_lib.contracts.enums import Role
from abtest_lib.verdict.reasons import sentence_of
from dashboard import formatting, labels

_ORDER: dict[str | None, int] = {Role.CONTROL: 0, Role.TREATMENT: 1, None: 1, Role.LEFT_OUT: 2, Role.FALLBACK: 3}
_ASIDE = {Role.LEFT_OUT, Role.FALLBACK}
_FEWEST_ARMS = 2
_NOT_REGISTERED = "not_registered"
_FIT_FAILED = "failed"
_RULES: tuple[Literal["planned"], Literal["unplanned"]] = ("planned", "unplanned")
Row = dict[str, str]


def control_first(arms: Sequence[answers.HistoryVariant]) -> list[answers.HistoryVariant]:
    """Sort arms: the control, then treatments in their given order, then arms that are not judged."""
    return sorted(arms, key=lambda arm: _ORDER.get(arm["role"], 1))


def without_fallbacks(arms: Sequence[answers.HistoryVariant]) -> list[answers.HistoryVariant]:
    """Return the arms that a verdict covers, the control first."""
    return control_first([arm for arm in arms if arm["role"] not in _ASIDE])


def posteriors_of(
    arms: Sequence[answers.HistoryVariant], posterior: Sequence[answers.PosteriorVariant]
) -> list[answers.PosteriorVariant]:
    """Return the posteriors of the arms, in the order of the arms."""
    by_id = {arm["id"]: arm for arm in posterior}
    return [by_id[arm["id"]] for arm in arms if arm["id"] in by_id]


def reason_sentences(codes: Sequence[str]) -> list[str]:
    """Return the sentence of each reason; a code of a newer API is shown as words."""
    return [formatting.sentence(_reason_sentence(code)) for code in codes]


def _reason_sentence(code: str) -> str:
    try:
        return sentence_of(code)
    except KeyError:
        return code.replace("_", " ")


def arm_rows(arms: Sequence[answers.Arm]) -> list[Row]:
    """Return the rows of `columns.ARMS`: counts and estimates of every arm."""
    return [
        {
            "arm": formatting.arm_name(arm["id"], None),
            "role": labels.ROLES.get(arm["role"] or "", arm["role"] or ""),
            "users": formatting.count(arm["users"]),
            "purchases": formatting.count(arm["purchases"]),
            "rate": formatting.percent(arm["conversion_rate"]),
            "interval": formatting.percent_interval(arm["interval"]),
            "lift": formatting.lift(arm["lift"]),
            "best": formatting.probability(arm["probability_best"]),
            "beats": formatting.probability(arm["probability_beats_control"]),
            "loss": formatting.percentage_points(arm["expected_loss"]),
        }
        for arm in arms
    ]


def difference_rows(arms: Sequence[answers.HistoryVariant]) -> list[Row]:
    """Return the rows of `columns.DIFFERENCES`: each arm against the control."""
    return [
        {
            "arm": formatting.arm_name(arm["id"], None),
            "difference": formatting.percentage_points(arm["difference"], 2, signed=True),
            "interval": formatting.percentage_points_interval(arm["difference_interval"]),
            "decision": formatting.percentage_points_interval(arm["decision_interval"]),
            "z": formatting.number(arm["statistic"]),
            "boundary": formatting.number(arm["boundary"]),
            "p": formatting.p_value(arm["p_adjusted"]),
        }
        for arm in arms
        if arm["difference"] is not None
    ]


def comparison_rows(found: answers.Analysis) -> list[Row]:
    """Return the rows of `columns.COMPARISONS`: each arm of an analysis against the control."""
    planned, unplanned = ({look["id"]: look["boundary"] for look in found[rule]["looks"]} for rule in _RULES)
    return [
        {
            "arm": formatting.arm_name(arm["id"], None),
            "difference": formatting.percentage_points(arm["difference"], 2, signed=True),
            "interval": formatting.percentage_points_interval(arm["difference_interval"]),
            "lift": formatting.observed_lift(arm["observed_lift"], arm["observed_lift_interval"]),
            "z": formatting.number(arm["statistic"]),
            "planned": formatting.number(planned.get(str(arm["id"]))),
            "unplanned": formatting.number(unplanned.get(str(arm["id"]))),
            "p": formatting.p_value(arm["p_adjusted"]),
        }
        for arm in found["arms"]
        if arm["difference"] is not None
    ]


def chi_square_rows(arms: Sequence[answers.Arm]) -> list[Row]:
    """Return the rows of `columns.CHI_SQUARE`, the contingency table; none if there is nothing to test."""
    counts = [(formatting.arm_name(arm["id"], arm["role"]), arm["users"] or 0, arm["purchases"] or 0) for arm in arms]
    known = [row for row in counts if row[1]]
    users, purchases = sum(row[1] for row in known), sum(row[2] for row in known)
    if len(known) < _FEWEST_ARMS or not 0 < purchases < users:
        return []
    return [_chi_square_row(*row, purchases / users) for row in known]


def _chi_square_row(name: str, users: int, purchases: int, rate: float) -> Row:
    buyers, others = users * rate, users * (1 - rate)
    contribution = (purchases - buyers) ** 2 / buyers + (users - purchases - others) ** 2 / others
    return {
        "arm": name,
        "bought": formatting.count(purchases),
        "bought_expected": formatting.number(buyers, 1),
        "others": formatting.count(users - purchases),
        "others_expected": formatting.number(others, 1),
        "contribution": formatting.number(contribution),
    }


def chi_square_note(test: answers.ChiSquare) -> str:
    """Return the result of the omnibus test as one line."""
    degrees = (labels.DEGREE if test["dof"] == 1 else labels.DEGREES).format(dof=formatting.count(test["dof"]))
    statistic, p_value = formatting.number(test["statistic"]), formatting.p_equation(test["p_value"])
    return f"{labels.CHI_NOTE.format(statistic=statistic, dof=degrees, p=p_value)} {labels.CHI_EXPECTED}"


def check_rows(verdict: answers.Verdict | None, posterior: Sequence[answers.PosteriorVariant]) -> list[Row]:
    """Return the rows of `columns.VALIDITY`: the checks of the verdict and of the model's fit."""
    fit = {"check": labels.CHECK_FIT, "found": _fit_result(posterior), "wanted": labels.CHECK_FIT_WANTED}
    return [*_verdict_checks(verdict), fit]


def _verdict_checks(verdict: answers.Verdict | None) -> Iterator[Row]:
    if verdict is None:
        return
    yield {
        "check": labels.CHECK_SRM,
        "found": _srm_result(verdict),
        "wanted": labels.CHECK_SRM_WANTED,
    }
    yield {
        "check": labels.CHECK_CROSS,
        "found": formatting.percent(verdict["cross_exposed_share"]),
        "wanted": labels.CHECK_CROSS_WANTED,
    }
    fraction = verdict["information_fraction"]
    yield {
        "check": labels.CHECK_INFORMATION,
        "found": labels.UNPLANNED if fraction is None else formatting.percent(fraction, 0),
        "wanted": labels.DASH if fraction is None else labels.CHECK_INFORMATION_WANTED,
    }


def _srm_result(verdict: answers.Verdict) -> str:
    status = labels.SRM_STATUSES.get(verdict["srm_status"], verdict["srm_status"])
    if verdict["srm_p_value"] is None:
        return status
    return labels.SRM_FOUND.format(status=status, p=formatting.p_equation(verdict["srm_p_value"]))


def _fit_result(posterior: Sequence[answers.PosteriorVariant]) -> str:
    failed = next((arm for arm in posterior if arm["status"] == _FIT_FAILED), None)
    if failed is not None:
        return labels.FIT_FAILED.format(reason=failed["reason"] or labels.DASH)
    fitted = [arm for arm in posterior if arm["status"] is not None]
    if not fitted:
        return labels.DASH
    largest = max((arm["r_hat"] for arm in fitted if arm["r_hat"] is not None), default=None)
    proof = "" if largest is None else labels.FIT_PROOF.format(r_hat=formatting.number(largest, 3))
    status = ", ".join(sorted({str(arm["status"]) for arm in fitted}))
    return labels.FIT_FOUND.format(status=status, engine=fitted[0]["engine"], proof=proof)


def split_rows(detail: answers.Experiment, point: answers.HistoryPoint) -> list[Row]:
    """Return the rows of `columns.SPLIT`: the share of each arm and its declared share."""
    declared = _declared_shares(detail, point["day"])
    missing = labels.NOT_DECLARED if _is_registry_known(detail, point) else labels.NOT_AVAILABLE
    arms = without_fallbacks(point["variants"])
    total = sum(arm["users"] or 0 for arm in arms)
    return [
        {
            "arm": formatting.arm_name(arm["id"], arm["role"]),
            "users": formatting.count(arm["users"]),
            "share": formatting.percent((arm["users"] or 0) / total if total else None, 1),
            "declared": formatting.percent(declared.get(str(arm["id"])), 1) if declared else missing,
        }
        for arm in arms
    ]


def _is_registry_known(detail: answers.Experiment, point: answers.HistoryPoint) -> bool:
    """Return whether a missing split means that none is declared; the API may lack the pipeline's registry."""
    verdict = point["verdict"]
    return detail["registry"] is not None or (verdict is not None and _NOT_REGISTERED in verdict["reasons"])


def _declared_shares(detail: answers.Experiment, day: str) -> dict[str, float]:
    """Return the declared share of each arm on a day; empty if none is declared."""
    splits = (detail["registry"] or {}).get("allocation") or []
    valid = [split["arms"] for split in splits if split["from"] is None or split["from"] <= day]
    shares: dict[str, float] = valid[-1] if valid else {}
    total = sum(shares.values())
    return {arm: share / total for arm, share in shares.items()} if total else {}


def funnel_rows(funnel: answers.Funnel, arm_names: dict[answers.VariantId, str]) -> list[Row]:
    """Return the rows of `columns.FUNNEL`: every step and arm."""
    return [
        {
            "step": step["event_name"],
            "arm": arm_names.get(arm["id"], str(arm["id"])),
            "users": formatting.count(arm["users"]),
            "purchases": formatting.count(arm["purchases"]),
        }
        for step in funnel["steps"]
        for arm in step["variants"]
    ]
