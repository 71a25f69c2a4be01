"""The dashboard: `abtest dashboard --api URL`, or `streamlit run dashboard/app.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard import labels, markup, page
from dashboard.client import ApiError
from dashboard.views import calculator, experiment, overview, pipeline, plan, reference, try_api

_ICON = Path(__file__).with_name("icon.svg")


@dataclass(frozen=True, slots=True)
class _View:
    """One page of the navigation.

    Attributes:
        show: Draws the page.
        title: The title in the navigation and the heading.
        icon: The icon in the navigation.
        path: The path in the address.
    """

    show: Callable[[], None]
    title: str
    icon: str
    path: str

    def run(self) -> None:
        """Draw the page with its heading and the age of the data; show an error of the API as a message."""
        st.html(markup.STYLE)
        st.title(self.title, anchor=False)
        try:
            with st.spinner(labels.LOADING):
                page.show_freshness(page.client().ready())
                self.show()
        except ApiError as error:
            page.show_error(error)


_VIEWS = (
    _View(overview.show, labels.OVERVIEW, ":material/list:", "overview"),
    _View(experiment.show, labels.EXPERIMENT, ":material/science:", "experiment"),
    _View(pipeline.show, labels.PIPELINE, ":material/account_tree:", "pipeline"),
    _View(plan.show, labels.PLAN, ":material/event:", "plan"),
    _View(calculator.show, labels.CALCULATOR, ":material/calculate:", "calculator"),
    _View(try_api.show, labels.TRY, ":material/terminal:", "try"),
    _View(reference.show, labels.REFERENCE, ":material/menu_book:", "reference"),
)


def main() -> None:
    """Show the page that the address names; the first one by default."""
    st.set_page_config(page_title=labels.APP, page_icon=str(_ICON), layout="wide")
    pages = [
        st.Page(view.run, title=view.title, icon=view.icon, url_path=view.path, default=view is _VIEWS[0])
        for view in _VIEWS
    ]
    st.navigation(pages, position="top").run()


if __name__ == "__main__":
    main()
