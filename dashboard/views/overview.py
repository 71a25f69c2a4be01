"""Every experiment: the decision, the size of the effect, what changed."""

import streamlit as st

from abtest_lib import answers
from abtest_lib.contracts.enums import Decision
from abtest_lib.metrics import PURCHASE
from dashboard import columns, formatting, labels, markup, page, rows
from dashboard.client import Client
from dashboard.lift_scale import lift_reach
from dashboard.url_state import restore_choice, store_choice

_PAGE_SIZE = 25
_CHANGES = 8
_ALL, _CHANGED = "all", "changed"
_FILTERS = (_ALL, *(decision.value for decision in Decision), _CHANGED)


def show() -> None:
    """Show the page."""
    api = page.client()
    st.write(labels.OVERVIEW_LEAD)
    counts = {name: api.experiments(limit=1, **_query(name))["total"] for name in _FILTERS}
    if not counts[_ALL]:
        page.show_message(labels.EMPTY_TITLE, labels.EMPTY)
        return
    _changes(api, counts[_CHANGED])
    query = {**_query(_pick_filter(counts)), **_pick_search_and_order()}
    answer = api.experiments(limit=_PAGE_SIZE, cursor=st.query_params.get("after"), **query)
    _list(answer)
    page.show_release(answer["release"])


def _query(chosen: str) -> dict[str, str | bool | None]:
    if chosen == _ALL:
        return {}
    return {"changed": True} if chosen == _CHANGED else {"decision": chosen}


def _pick_filter(counts: dict[str, int]) -> str:
    names = labels.DECISIONS | {_ALL: labels.ALL, _CHANGED: labels.CHANGED}
    restore_choice("show", _FILTERS)
    chosen = st.segmented_control(
        labels.SHOW,
        _FILTERS,
        required=True,
        key="show",
        format_func=lambda name: f"{names[name]} {counts[name]:,}",
        on_change=_go_to_first_page,
    )
    return store_choice("show", chosen, _FILTERS)


def _pick_search_and_order() -> dict[str, str | bool | None]:
    search, order = st.columns([2, 1])
    part = search.text_input(
        labels.SEARCH,
        key="search",
        bind="query-params",
        placeholder=labels.SEARCH_HELP,
        max_chars=200,
        on_change=_go_to_first_page,
    )
    sorts = list(labels.SORTS)
    restore_choice("sort", sorts)
    sort = order.selectbox(
        labels.SORT, sorts, key="sort", format_func=labels.SORTS.__getitem__, on_change=_go_to_first_page
    )
    return {"search": part or None, "sort": store_choice("sort", sort, sorts)}


def _go_to_first_page() -> None:
    st.query_params.pop("after", None)


def _go_to_page(cursor: str) -> None:
    st.query_params["after"] = cursor


def _list(answer: answers.ExperimentList) -> None:
    lines = answer["experiments"]
    if not lines:
        page.show_message(labels.NO_MATCH_TITLE, labels.NO_MATCH)
        return
    reach = lift_reach([line["lift"] for line in lines if line["is_valid"]])
    low, high = formatting.scale(reach)
    shown = labels.SHOWN.format(shown=len(lines), total=answer["total"])
    note = f"{shown}. {labels.LIFT_SCALE.format(low=low, high=high)}"
    page.table(columns.OVERVIEW, [_row(line, reach) for line in lines], note)
    with st.container(horizontal=True):
        if st.query_params.get("after"):
            st.button(labels.FIRST, on_click=_go_to_first_page, icon=":material/first_page:")
        if answer["next_cursor"]:
            st.button(labels.NEXT, on_click=_go_to_page, args=(answer["next_cursor"],), icon=":material/chevron_right:")
        page.download("experiments", lines)


def _row(line: answers.ExperimentSummary, reach: float) -> dict[str, markup.Cell]:
    return {
        "name": markup.experiment_link(line["name"]),
        "decision": _decision_cell(line),
        "lift": markup.lift_bar(line["lift"] if line["is_valid"] else None, reach),
        "winner": labels.DASH if line["winner"] is None else str(line["winner"]),
        "people": formatting.count(line["participants"]),
        "days": formatting.count(line["days"]),
        "last": line["last_day"],
    }


def _decision_cell(line: answers.ExperimentSummary) -> markup.SafeHtml:
    """Write the decision, its metric if it is not conversion, the decision before, and why it is not valid."""
    before = line["decision_before"]
    is_changed = before is not None and before != line["decision"]
    was = f"<small>{labels.WAS.format(decision=formatting.decision_name(before))}</small>" if is_changed else ""
    reasons = line["reasons"][:1] if line["decision"] == Decision.INVALID else []
    why = "".join(f"<small>{markup.cell_html(sentence)}</small>" for sentence in rows.reason_sentences(reasons))
    metric = line["metric"] or PURCHASE
    on = "" if metric == PURCHASE else f"<small>{markup.cell_html(labels.RESTS_ON.format(metric=metric))}</small>"
    return markup.SafeHtml(f"<span>{markup.badge(line['decision']).html}{on}{was}{why}</span>")


def _changes(api: Client, total: int) -> None:
    page.section(labels.CHANGED_TITLE)
    if not total:
        st.write(labels.CHANGED_NONE)
        return
    lines = api.experiments(changed=True, limit=_CHANGES, sort="-last_day")["experiments"]
    items = "".join(f"<li>{_change(line)}</li>" for line in lines)
    more = labels.CHANGED_MORE.format(more=total - len(lines)) if total > len(lines) else ""
    st.html(f"<ul>{items}</ul>" + (f"<p>{more}</p>" if more else ""))


def _change(line: answers.ExperimentSummary) -> str:
    before, now = (markup.badge(line[key]).html for key in ("decision_before", "decision"))
    name = markup.experiment_link(line["name"]).html
    return labels.CHANGED_LINE.format(name=name, before=before, now=now, day=line["last_day"])
