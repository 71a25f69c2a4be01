"""YAML keeps its spelling, and no file takes the memory, the stack or the time of the machine."""

import time

import pytest

from abtest_lib.errors import ConfigError, UsageError
from abtest_lib.yaml_reader import read_texts


@pytest.mark.parametrize(
    "text",
    ["off", "on", "no", "Yes", "true", "1.10", "007", "0o17", "1_000", "12:30", "1e3", "2021-08-01", ".inf", "~"],
)
def test_a_text_keeps_its_spelling(text: str) -> None:
    assert read_texts(f"names: [{text}]\n{text}x: {text}y", "an example") == {"names": [text], f"{text}x": f"{text}y"}


def test_keys_keep_theirs_too() -> None:
    assert read_texts("{off: 1, 1.10: 2, null: 3}", "an example") == {"off": "1", "1.10": "2", "null": "3"}


def test_null_is_none_and_a_quoted_one_is_a_text() -> None:
    assert read_texts("{a: null, b: 'null', c: ~, d: }", "an example") == {"a": None, "b": "null", "c": None, "d": None}


def test_an_alias_repeats_what_it_names() -> None:
    assert read_texts("{a: &split [1, 2], b: *split}", "an example") == {"a": ["1", "2"], "b": ["1", "2"]}


_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 5_000, "nested deeper than 50 levels"),
        ("{a: " * 5_000, "nested deeper than 50 levels"),
        ("- " * 5_000, "nested deeper than 50 levels"),
        (_LAUGHS, "more than 2,000,000 values"),
        ("&a [*a]", "an alias refers to what it is part of"),
        ("a: *b", "found undefined alias"),
        ("a: [1,\n", "bad.yaml line 2: not YAML"),
        ("a: 1\na: 2", "bad.yaml line 2: key 'a' appears twice"),
        ("a: !!python/name:os.system x", "the tag 'tag:yaml.org,2002:python/name:os.system' is not known"),
        ("a: !secret x", "bad.yaml line 1: the tag '!secret' is not known"),
        ("{[1, 2]: 3}", "must be a text"),
        ("a: 1\n---\nb: 2", "not YAML"),
        ("a: \x00", "not YAML"),
    ],
)
def test_hostile_and_broken_files_are_one_line_at_once(text: str, message: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ConfigError, match=message) as caught:
        read_texts(text, "bad.yaml", ConfigError)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert time.perf_counter() - began < 5


def test_another_error_may_be_asked_for() -> None:
    with pytest.raises(UsageError):
        read_texts("[", "bad.yaml")
