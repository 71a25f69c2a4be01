"""Every experiment: what was decided, how large the effect is, what changed."""

from collections.abc import Sequence

import streamlit as st

from dashboard import markup, page, rows, shapes, texts, words
from dashboard.address import keep, recall
from dashboard.client import Client

_PAGE = 25
_CHANGES = 8
_FILTERS = ("all", "ship", "keep_control", "inconclusive", "invalid", "changed")


def show() -> None:
    """Show the page."""
    api = page.client()
    st.write(texts.OVERVIEW_LEAD)
    counts = {name: api.experiments(limit=1, **_query(name))["total"] for name in _FILTERS}
    if not counts["all"]:
        page.state(texts.EMPTY_TITLE, texts.EMPTY)
        return
    _changes(api, counts["changed"])
    chosen, query = _controls(counts)
    found = api.experiments(limit=_PAGE, cursor=st.query_params.get("after"), **query, **_query(chosen))
    _list(found)
    page.release_line(found["release"])


def _query(chosen: str) -> dict[str, str | bool]:
    if chosen == "all":
        return {}
    return {"changed": True} if chosen == "changed" else {"decision": chosen}


def _controls(counts: dict[str, int]) -> tuple[str, dict[str, str | None]]:
    names = {"all": texts.ALL, "changed": texts.CHANGED, **{str(key): word for key, word in texts.DECISIONS.items()}}
    recall("show", _FILTERS)
    chosen = st.segmented_control(
        texts.SHOW,
        _FILTERS,
        required=True,
        key="show",
        format_func=lambda name: f"{names[name]} {counts[name]:,}",
        on_change=_first_page,
    )
    search, order = st.columns([2, 1])
    part = search.text_input(
        texts.SEARCH,
        key="search",
        bind="query-params",
        placeholder=texts.SEARCH_HELP,
        max_chars=200,
        on_change=_first_page,
    )
    sorts = list(texts.SORTS)
    recall("sort", sorts)
    sort = order.selectbox(
        texts.SORT,
        sorts,
        key="sort",
        format_func=texts.SORTS.__getitem__,
        on_change=_first_page,
    )
    return keep("show", chosen, _FILTERS), {"search": part or None, "sort": keep("sort", sort, sorts)}


def _first_page() -> None:
    st.query_params.pop("after", None)


def _list(found: shapes.ExperimentList) -> None:
    lines = found["experiments"]
    if not lines:
        page.state(texts.NO_MATCH_TITLE, texts.NO_MATCH)
        return
    reach = _reach(lines)
    scale = texts.LIFT_SCALE.format(
        low=words.percent(-reach, 0, signed=True), high=words.percent(reach, 0, signed=True)
    )
    shown = texts.SHOWN.format(shown=len(lines), total=found["total"])
    page.table(
        {key: texts.COLUMNS[key] for key in ("name", "decision", "lift", "winner", "people", "days", "last")},
        [_row(line, reach) for line in lines],
        f"{shown}. {scale}",
        "people days",
    )
    with st.container(horizontal=True):
        if st.query_params.get("after"):
            st.button(texts.FIRST, on_click=_first_page, icon=":material/first_page:")
        if found["next_cursor"]:
            st.button(texts.NEXT, on_click=_go, args=(found["next_cursor"],), icon=":material/chevron_right:")
        page.download("experiments", lines)


def _go(cursor: str) -> None:
    st.query_params["after"] = cursor


def _row(line: shapes.Summary, reach: float) -> dict[str, markup.Cell]:
    before = line["decision_before"]
    changed = before is not None and before != line["decision"]
    was = f"<small>{texts.WAS.format(decision=words.decision(before))}</small>" if changed else ""
    reasons = line["reasons"] if line["decision"] == "invalid" else []
    why = "".join(f"<small>{markup.cell_html(sentence)}</small>" for sentence in rows.sentences(reasons[:1]))
    return {
        "name": markup.link(line["name"]),
        "decision": markup.Markup(f"<span>{markup.badge(line['decision']).html}{was}{why}</span>"),
        "lift": markup.lift_mark(line["lift"] if line["is_valid"] else None, reach),
        "winner": texts.DASH if line["winner"] is None else str(line["winner"]),
        "people": words.count(line["participants"]),
        "days": words.count(line["days"]),
        "last": line["last_day"],
    }


def _reach(lines: Sequence[shapes.Summary]) -> float:
    """The end of the scale on which lifts are drawn: wide enough for nearly all, the rest is cut at the edge."""
    lifts = [line["lift"] for line in lines if line["is_valid"] and line["lift"]]
    ends = sorted(max(abs(found["lower"] or 0.0), abs(found["upper"] or 0.0)) for found in lifts)
    wanted = ends[(len(ends) * 9) // 10 - 1] if ends else 0.1
    return next((step for step in (0.1, 0.2, 0.5, 1.0) if wanted <= step), 1.0)


def _changes(api: Client, total: int) -> None:
    page.section(texts.CHANGED_TITLE)
    if not total:
        st.write(texts.CHANGED_NONE)
        return
    found = api.experiments(changed=True, limit=_CHANGES, sort="-last_day")["experiments"]
    items = "".join(f"<li>{_change(line)}</li>" for line in found)
    more = texts.CHANGED_MORE.format(more=total - len(found)) if total > len(found) else ""
    st.html(f"<ul>{items}</ul>" + (f"<p>{more}</p>" if more else ""))


def _change(line: shapes.Summary) -> str:
    before, now = (markup.badge(line[key]).html for key in ("decision_before", "decision"))
    name = markup.link(line["name"]).html
    return texts.CHANGED_LINE.format(name=name, before=before, now=now, day=line["last_day"])
