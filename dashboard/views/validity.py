"""May the numbers of an experiment be believed: checks, split, computation, funnel."""

from collections.abc import Iterator, Sequence

import streamlit as st

from abtest_lib.verdict.reasons import sentence_of
from dashboard import figures_lake, page, shapes, texts, words
from dashboard.client import Client


def sentences(codes: Sequence[str]) -> list[str]:
    """What each reason means; a code that only a newer API knows stands for itself."""
    return [_sentence(code) for code in codes]


def _sentence(code: str) -> str:
    try:
        return sentence_of(code)
    except KeyError:
        return code.replace("_", " ")


def show(api: Client, detail: shapes.Experiment, day: str, now: shapes.Point) -> None:
    """Show the checks of one day."""
    page.section(texts.VALIDITY_TITLE)
    left, right = st.columns(2)
    with left:
        believed = api.posterior(detail["name"], day)["variants"]
        rows = [*_checks(now["verdict"]), _fit(believed)]
        page.table(texts.VALIDITY_COLUMNS, rows)
    with right:
        _split(detail, now)
    funnel(api, detail["name"], day, {arm["id"]: words.arm(arm["id"], arm["role"]) for arm in now["variants"]})


def _checks(verdict: shapes.Verdict | None) -> Iterator[dict[str, str]]:
    if verdict is None:
        return
    status, p = texts.SRM.get(verdict["srm_status"], verdict["srm_status"]), verdict["srm_p_value"]
    yield {
        "check": texts.CHECK_SRM,
        "found": status if p is None else texts.SRM_FOUND.format(status=status, p=words.p_value(p)),
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


def _fit(arms: Sequence[shapes.PosteriorArm]) -> dict[str, str]:
    return {"check": texts.CHECK_FIT, "found": _fit_found(arms), "wanted": texts.CHECK_FIT_WANTED}


def _fit_found(arms: Sequence[shapes.PosteriorArm]) -> str:
    failed = next((arm for arm in arms if arm["status"] == "failed"), None)
    if failed is not None:
        return texts.FIT_FAILED.format(reason=failed["reason"] or texts.DASH)
    fitted = [arm for arm in arms if arm["status"] is not None]
    if not fitted:
        return texts.DASH
    worst = max((arm["r_hat"] for arm in fitted if arm["r_hat"] is not None), default=None)
    proof = "" if worst is None else texts.FIT_PROOF.format(r_hat=words.number(worst, 3))
    status = ", ".join(sorted({str(arm["status"]) for arm in fitted}))
    return texts.FIT_FOUND.format(status=status, engine=fitted[0]["engine"], proof=proof)


def _split(detail: shapes.Experiment, now: shapes.Point) -> None:
    declared = _declared(detail, now["day"])
    arms = [arm for arm in now["variants"] if arm["role"] != "fallback"]
    total = sum(arm["users"] or 0 for arm in arms)
    rows = [
        {
            "arm": words.arm(arm["id"], arm["role"]),
            "users": words.count(arm["users"]),
            "share": words.percent((arm["users"] or 0) / total if total else None, 1),
            "declared": words.percent(declared.get(str(arm["id"])), 1) if declared else texts.NOT_DECLARED,
        }
        for arm in arms
    ]
    page.table(texts.SPLIT_COLUMNS, rows, texts.SPLIT_TITLE, "users share declared")


def _declared(detail: shapes.Experiment, day: str) -> dict[str, float]:
    """The declared share of each arm on a day; empty when none is declared."""
    splits = (detail["registry"] or {}).get("allocation") or []
    valid = [split["arms"] for split in splits if split["from"] is None or split["from"] <= day]
    shares: dict[str, float] = valid[-1] if valid else {}
    total = sum(shares.values())
    return {arm: share / total for arm, share in shares.items()} if total else {}


def funnel(api: Client, name: str, day: str, names: dict[shapes.VariantId, str]) -> None:
    """The funnel of one day, as a figure and as a table."""
    page.section(texts.FUNNEL_TITLE, texts.FUNNEL_NOTE)
    found = api.funnel(name, day)
    if not found["steps"]:
        st.write(texts.FUNNEL_NONE)
        return
    page.chart(figures_lake.funnel(found, names), "funnel", texts.FUNNEL_TITLE)
    rows = [
        {
            "step": step["event_name"],
            "arm": names.get(arm["id"], str(arm["id"])),
            "users": words.count(arm["users"]),
            "purchases": words.count(arm["purchases"]),
        }
        for step in found["steps"]
        for arm in step["variants"]
    ]
    page.table(texts.FUNNEL_COLUMNS, rows, "", "users purchases")
    page.download(
        "funnel", [{"event_name": step["event_name"], **arm} for step in found["steps"] for arm in step["variants"]]
    )
