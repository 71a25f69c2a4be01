"""The dashboard: `abtest dashboard --api URL`, or `streamlit run dashboard/app.py`."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from dashboard import markup, page, texts
from dashboard.client import ApiError
from dashboard.views import experiment, overview, pipeline, plan, reference, try_api

_ICON = Path(__file__).with_name("icon.svg")
Show = Callable[[], None]


def _guarded(title: str, show: Show) -> Show:
    """A page with its heading and how fresh the data is; every trouble with the API is a state of it."""

    def run() -> None:
        st.html(markup.STYLE)
        st.title(title, anchor=False)
        try:
            with st.spinner(texts.LOADING):
                page.freshness(page.client().ready())
                show()
        except ApiError as error:
            page.trouble(error)

    return run


def _pages() -> list[st.Page]:
    shown = (
        (overview.show, texts.OVERVIEW, ":material/list:", "overview"),
        (experiment.show, texts.EXPERIMENT, ":material/science:", "experiment"),
        (pipeline.show, texts.PIPELINE, ":material/account_tree:", "pipeline"),
        (plan.show, texts.PLAN, ":material/event:", "plan"),
        (try_api.show, texts.TRY, ":material/terminal:", "try"),
        (reference.show, texts.REFERENCE, ":material/menu_book:", "reference"),
    )
    return [
        st.Page(_guarded(name, show), title=name, icon=icon, url_path=path, default=place == 0)
        for place, (show, name, icon, path) in enumerate(shown)
    ]


def main() -> None:
    """Show the page that the address names."""
    st.set_page_config(page_title=texts.APP, page_icon=str(_ICON), layout="wide")
    st.navigation(_pages(), position="top").run()


if __name__ == "__main__":
    main()
