"""Pages without numbers or with old ones: each shows what happened and what to do."""

from collections.abc import Iterator
from typing import Any

import pytest
from looking import Looker, text, violations
from sites import Site, dashboard

from dashboard import labels

PAGES = ["", "experiment", "pipeline", "plan", "calculator", "try", "reference"]


@pytest.mark.parametrize("path", PAGES)
def test_stale_numbers_are_shown_with_a_warning(look: Looker, site: Site, path: str) -> None:
    site.front.mode = "stale"
    page = look.open(path)
    shown = text(page)
    assert labels.STALE_TITLE in shown
    assert "the lake cannot be read: it is gone" in shown
    assert "3 days" in shown
    assert page.locator("h1").count() == 1
    assert violations(page) == []


def test_an_old_release_is_shown_with_a_warning(look: Looker, site: Site) -> None:
    site.front.mode = "old"
    assert labels.OLD.format(age="3 days") in text(look.open())


@pytest.mark.parametrize("path", PAGES)
def test_an_api_that_fails_is_a_state_and_no_stack_trace(look: Looker, site: Site, path: str) -> None:
    site.front.mode = "broken"
    page = look.open(path)
    assert labels.OTHER_TITLE in text(page)
    assert "an unexpected error; the logs say more" in text(page)
    assert page.locator("[data-testid=stException]").count() == 0


def test_an_api_without_a_release(look: Looker, site: Site) -> None:
    site.front.mode = "unpublished"
    shown = text(look.open())
    assert labels.NOT_READY_TITLE in shown
    assert "no release is mirrored yet" in shown


def test_loading_is_shown(look: Looker, site: Site) -> None:
    site.front.mode = "slow"
    page = look.start()
    loading = page.get_by_text(labels.LOADING)
    loading.wait_for(timeout=10_000)
    assert loading.is_visible()


@pytest.fixture
def without_api(browser: Any) -> Iterator[Looker]:
    with dashboard("http://127.0.0.1:9") as address:
        looker = Looker(browser, address)
        yield looker
        looker.close()


def test_no_api_at_all(without_api: Looker) -> None:
    for path in PAGES:
        page = without_api.open(path)
        shown = text(page)
        assert labels.DOWN_TITLE in shown
        assert "http://127.0.0.1:9" in shown
        assert "abtest serve --lake DIR" in shown
        assert page.locator("[data-testid=stException]").count() == 0
    assert violations(page) == []
    assert without_api.problems == []


def test_a_lake_without_experiments(browser: Any, empty_site: Site) -> None:
    looker = Looker(browser, empty_site.address)
    for path in ("", "experiment", "try"):
        assert labels.EMPTY_TITLE in text(looker.open(path))
    assert labels.QUARANTINE_NONE in text(looker.open("pipeline"))
    assert looker.problems == []
    looker.close()


def test_no_page_asks_for_a_whole_table(look: Looker, site: Site) -> None:
    site.front.asked.clear()
    for path in PAGES:
        look.open(path)
    limits = [part for asked in site.front.asked for part in asked.split("?")[-1].split("&") if part[:6] == "limit="]
    assert limits
    assert max(int(limit.removeprefix("limit=")) for limit in limits) <= 100
