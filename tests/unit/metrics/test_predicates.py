"""Predicates: what is allowed is kept, anything else is refused in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abtest_lib.metrics.predicates import names_of_events, read_predicate

COLUMNS = {"event_name": "string", "site": "string", "price": "double", "order": "string"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("event_name = 'BUY'", "event_name = 'BUY'"),
        ('event_name == "BUY"', "event_name = 'BUY'"),
        ("price>=10.5 and not(site='MLA')", "price >= 10.5 AND NOT (site = 'MLA')"),
        ("event_name not in ('A','B')", "NOT event_name IN ('A', 'B')"),
        ("price between -1 and 2 or price is null", "price BETWEEN -1 AND 2 OR price IS NULL"),
        ("price is not null", "NOT price IS NULL"),
        ("lower(trim(site)) like 'ml_%'", "LOWER(TRIM(site)) LIKE 'ml_%'"),
        ("length(site) = 3 and abs(price) < 1e3", "LENGTH(site) = 3 AND ABS(price) < 1e3"),
        ("coalesce(price, 0) <> 0 and nvl(site, '') != ''", "COALESCE(price, 0) <> 0 AND COALESCE(site, '') <> ''"),
        ("site not like 'M%'", "site NOT LIKE 'M%'"),
        ("`order` = 'a' -- a comment", "`order` = 'a'"),
        (r"site = 'it\'s'", r"site = 'it\'s'"),
    ],
)
def test_what_is_allowed_is_read(written: str, read: str) -> None:
    assert read_predicate(written, COLUMNS) == read
    assert read_predicate(read, COLUMNS) == read


@pytest.mark.parametrize(
    "written",
    [
        "price IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "count(*) > 1",
        "sum(price) > 1",
        "sum(price) OVER () > 1",
        "row_number() OVER (ORDER BY price) = 1",
        "rand() > 0.5",
        "current_timestamp() > '2021-01-01'",
        "uuid() = 'a'",
        "my_function(price)",
        "price / 0 > 1",
        "price + 1 > 1",
        "price = NULL",
        "CAST(site AS INT) = 1",
        "site RLIKE 'a.*'",
        "site ILIKE 'a'",
        "site LIKE 'a!_' ESCAPE '!'",
        "trim(BOTH 'x' FROM site) = 'a'",
        "price BETWEEN SYMMETRIC 2 AND 1",
        "price = 5L",
        "price = :value",
        "price = ?",
        "CASE WHEN price > 1 THEN TRUE END",
        "event_name = 'a' 'b'",
        "*",
        "site.price = 1",
    ],
)
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"allowed|not a column|no SQL predicate") as caught:
        read_predicate(written, COLUMNS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("site = 1", "site = 1: site is a text, 1 is a number"),
        ("price IN (1, 'a')", "price IN (1, 'a'): price is a number, 'a' is a text"),
        ("lower(price) = 'a'", "LOWER(price): price is a number, but must be a text"),
        ("price AND site = 'a'", "price AND site = 'a': price is a number, but must be a condition"),
        ("coalesce(price, 0)", "COALESCE(price, 0) is a number: a predicate must be true or false for every event"),
        ("price > 1e999", "1e999 is not a finite number of at most 20 characters"),
        (r"site LIKE 'a\\_'", r"'a\\_': the pattern of LIKE must be a text without a backslash"),
        ("site LIKE event_name", "event_name: the pattern of LIKE must be a text without a backslash"),
        ("price = 1; price = 2", "'price = 1; price = 2' is not one SQL predicate such as event_name = 'BUY'"),
        ("", "'' is not one SQL predicate such as event_name = 'BUY'"),
        ("(" * 900 + "price > 1" + ")" * 900, "the predicate is nested too deeply"),
        ("price > 1 OR " * 200 + "TRUE", "the predicate has 2,604 characters: at most 2,000"),
    ],
)
def test_a_mistake_is_explained(written: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_predicate(written, COLUMNS)
    assert str(caught.value) == message


def test_a_long_chain_is_fine() -> None:
    chain = " OR ".join(["price > 1"] * 120)
    assert read_predicate(chain, COLUMNS) == chain


@given(st.text(max_size=40))
def test_any_text_is_a_predicate_or_one_line(text: str) -> None:
    try:
        read_predicate(text, COLUMNS)
    except ValueError as problem:
        assert "\n" not in str(problem)  # noqa: PT017


def test_the_names_of_events_are_found() -> None:
    predicate = read_predicate("(event_name = 'BUY' or event_name in ('ADD', 'it\\'s')) and site = 'MLA'", COLUMNS)
    assert set(names_of_events(predicate)) == {"BUY", "ADD", "it's"}
