"""The rows of an experiment's tables, for the pages and for the report."""

from collections.abc import Iterator, Sequence

from abtest_lib.verdict.reasons import sentence_of
from dashboard import shapes, texts, words

_ORDER = {"control": 0, "treatment": 1, "fallback": 2}
_FEWEST_ARMS = 2
_UNREGISTERED = "not_registered"
Row = dict[str, str]


def in_order(found: Sequence[shapes.HistoryArm]) -> list[shapes.HistoryArm]:
    """The control first, then the others as they come, then fallbacks."""
    return sorted(found, key=lambda arm: _ORDER.get(arm["role"] or "treatment", 1))


def judged(found: Sequence[shapes.HistoryArm]) -> list[shapes.HistoryArm]:
    """The arms that a verdict is about, the control first."""
    return in_order([arm for arm in found if arm["role"] != "fallback"])


def sentences(codes: Sequence[str]) -> list[str]:
    """What each reason means; a code that only a newer API knows stands for itself."""
    return [words.prose(_sentence(code)) for code in codes]


def _sentence(code: str) -> str:
    try:
        return sentence_of(code)
    except KeyError:
        return code.replace("_", " ")


def arms(found: Sequence[shapes.HistoryArm]) -> list[Row]:
    """Counts and beliefs of every arm; see `texts.ARM_COLUMNS`."""
    return [
        {
            "arm": words.arm(arm["id"], None),
            "role": texts.ROLES.get(arm["role"], arm["role"] or ""),
            "users": words.count(arm["users"]),
            "purchases": words.count(arm["purchases"]),
            "rate": words.percent(arm["conversion_rate"]),
            "interval": words.interval(arm["interval"]),
            "lift": words.lift(arm["lift"]),
            "best": words.probability(arm["probability_best"]),
            "beats": words.probability(arm["probability_beats_control"]),
            "loss": words.points(arm["expected_loss"]),
        }
        for arm in found
    ]


def differences(found: Sequence[shapes.HistoryArm]) -> list[Row]:
    """Each arm against the control; see `texts.DIFFERENCE_COLUMNS`."""
    return [
        {
            "arm": words.arm(arm["id"], None),
            "difference": words.points(arm["difference"], 2, signed=True),
            "interval": words.points_interval(arm["difference_interval"]),
            "decision": words.points_interval(arm["decision_interval"]),
            "z": words.number(arm["statistic"]),
            "boundary": words.number(arm["boundary"]),
            "p": words.p_value(arm["p_adjusted"]),
        }
        for arm in found
        if arm["difference"] is not None
    ]


def chi_square(found: Sequence[shapes.HistoryArm]) -> list[Row]:
    """The contingency table; empty where there is nothing to test. See `texts.CHI_COLUMNS`."""
    counted = [(words.arm(arm["id"], arm["role"]), arm["users"] or 0, arm["purchases"] or 0) for arm in found]
    seen = [row for row in counted if row[1]]
    people, bought = sum(users for _, users, _ in seen), sum(purchases for _, _, purchases in seen)
    if len(seen) < _FEWEST_ARMS or not 0 < bought < people:
        return []
    return [_cells(name, users, purchases, bought / people) for name, users, purchases in seen]


def _cells(name: str, users: int, purchases: int, rate: float) -> Row:
    expected, others = users * rate, users * (1 - rate)
    share = (purchases - expected) ** 2 / expected + (users - purchases - others) ** 2 / others
    return {
        "arm": name,
        "bought": words.count(purchases),
        "bought_expected": words.number(expected, 1),
        "not": words.count(users - purchases),
        "not_expected": words.number(others, 1),
        "contribution": words.number(share),
    }


def chi_note(found: shapes.ChiSquare) -> str:
    """The omnibus test in a line."""
    statistic, freedom = words.number(found["statistic"]), found["dof"]
    dof = (texts.DEGREE if freedom == 1 else texts.DEGREES).format(dof=words.count(freedom))
    note = texts.CHI_NOTE.format(statistic=statistic, dof=dof, p=words.p_equation(found["p_value"]))
    return f"{note} {texts.CHI_EXPECTED}"


def checks(verdict: shapes.Verdict | None, believed: Sequence[shapes.PosteriorArm]) -> list[Row]:
    """Whether the numbers may be believed; see `texts.VALIDITY_COLUMNS`."""
    fit = {"check": texts.CHECK_FIT, "found": _fit(believed), "wanted": texts.CHECK_FIT_WANTED}
    return [*_checks(verdict), fit]


def _checks(verdict: shapes.Verdict | None) -> Iterator[Row]:
    if verdict is None:
        return
    status, p = texts.SRM.get(verdict["srm_status"], verdict["srm_status"]), verdict["srm_p_value"]
    yield {
        "check": texts.CHECK_SRM,
        "found": status if p is None else texts.SRM_FOUND.format(status=status, p=words.p_equation(p)),
        "wanted": texts.CHECK_SRM_WANTED,
    }
    yield {
        "check": texts.CHECK_CROSS,
        "found": words.percent(verdict["cross_exposed_share"]),
        "wanted": texts.CHECK_CROSS_WANTED,
    }
    passed = verdict["information_fraction"]
    yield {
        "check": texts.CHECK_INFORMATION,
        "found": texts.UNPLANNED if passed is None else words.percent(passed, 0),
        "wanted": texts.DASH if passed is None else texts.CHECK_INFORMATION_WANTED,
    }


def _fit(found: Sequence[shapes.PosteriorArm]) -> str:
    failed = next((arm for arm in found if arm["status"] == "failed"), None)
    if failed is not None:
        return texts.FIT_FAILED.format(reason=failed["reason"] or texts.DASH)
    fitted = [arm for arm in found if arm["status"] is not None]
    if not fitted:
        return texts.DASH
    worst = max((arm["r_hat"] for arm in fitted if arm["r_hat"] is not None), default=None)
    proof = "" if worst is None else texts.FIT_PROOF.format(r_hat=words.number(worst, 3))
    status = ", ".join(sorted({str(arm["status"]) for arm in fitted}))
    return texts.FIT_FOUND.format(status=status, engine=fitted[0]["engine"], proof=proof)


def split(detail: shapes.Experiment, now: shapes.Point) -> list[Row]:
    """The share of each arm beside the declared one; see `texts.SPLIT_COLUMNS`."""
    declared = _declared(detail, now["day"])
    missing = texts.NOT_DECLARED if _is_known(detail, now) else texts.NOT_AT_HAND
    found = judged(now["variants"])
    total = sum(arm["users"] or 0 for arm in found)
    return [
        {
            "arm": words.arm(arm["id"], arm["role"]),
            "users": words.count(arm["users"]),
            "share": words.percent((arm["users"] or 0) / total if total else None, 1),
            "declared": words.percent(declared.get(str(arm["id"])), 1) if declared else missing,
        }
        for arm in found
    ]


def _is_known(detail: shapes.Experiment, now: shapes.Point) -> bool:
    """Whether it can be told what was declared: the API that answers may lack the registry of the pipeline."""
    verdict = now["verdict"]
    return detail["registry"] is not None or (verdict is not None and _UNREGISTERED in verdict["reasons"])


def _declared(detail: shapes.Experiment, day: str) -> dict[str, float]:
    """The declared share of each arm on a day; empty when none is declared."""
    splits = (detail["registry"] or {}).get("allocation") or []
    valid = [split["arms"] for split in splits if split["from"] is None or split["from"] <= day]
    shares: dict[str, float] = valid[-1] if valid else {}
    total = sum(shares.values())
    return {arm: share / total for arm, share in shares.items()} if total else {}


def funnel(found: shapes.Funnel, names: dict[shapes.VariantId, str]) -> list[Row]:
    """Every step and arm; see `texts.FUNNEL_COLUMNS`."""
    return [
        {
            "step": step["event_name"],
            "arm": names.get(arm["id"], str(arm["id"])),
            "users": words.count(arm["users"]),
            "purchases": words.count(arm["purchases"]),
        }
        for step in found["steps"]
        for arm in step["variants"]
    ]
