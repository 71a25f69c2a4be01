"""Check the SQL of a predicate over the columns of an event.

A list of what is allowed is safer than a list of what is not: everything on it is a function of one event, and means
the same on both engines, with or without ANSI mode. Types must agree, so that no engine converts a text to a number.

This module imports sqlglot; it is imported only where a catalogue has a predicate.
"""

import math
from collections.abc import Iterator, Mapping

from sqlglot import exp
from sqlglot.dialects import Dialect
from sqlglot.errors import SqlglotError

from abtest_lib.errors import one_line
from abtest_lib.near_names import hint

TEXT, NUMBER, CONDITION = "a text", "a number", "a condition"

_SAME = "operands of one type"
_DIALECT = "spark"
_NEGATED = "negate"  # how sqlglot 30 marks NOT LIKE
_LONGEST = 2_000
_LONGEST_NUMBER = 20
_ALLOWED = (
    "allowed are =, <>, <, <=, >, >=, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, "
    "lower, upper, trim, length, abs, coalesce"
)
_PAIR = ("this", "expression")
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
# Node → its operands, their type, the type of the result.
_RULES: dict[type[exp.Expression], tuple[tuple[str, ...], str, str]] = {
    **dict.fromkeys(_COMPARISONS, (_PAIR, _SAME, CONDITION)),
    **dict.fromkeys((exp.And, exp.Or), (_PAIR, CONDITION, CONDITION)),
    **dict.fromkeys((exp.Lower, exp.Upper, exp.Trim), (("this",), TEXT, TEXT)),
    **dict.fromkeys((exp.Abs, exp.Neg), (("this",), NUMBER, NUMBER)),
    exp.Not: (("this",), CONDITION, CONDITION),
    exp.In: (("this", "expressions"), _SAME, CONDITION),
    exp.Between: (("this", "low", "high"), _SAME, CONDITION),
    exp.Like: (_PAIR, TEXT, CONDITION),
    exp.Length: (("this",), TEXT, NUMBER),
    exp.Coalesce: (("this", "expressions"), _SAME, _SAME),
    exp.Paren: (("this",), _SAME, _SAME),
}


def read_predicate(text: str, columns: Mapping[str, str]) -> str:
    """Check a predicate.

    Args:
        text: SQL.
        columns: The type, `double` or `string`, of each column of an event.

    Returns:
        The same predicate in one spelling, in the SQL of Spark.

    Raises:
        ValueError: The text is no SQL, no condition, or reads or calls something that is not allowed.

    Examples:
        >>> read_predicate("event_name == 'BUY' and price >= 10", {"event_name": "string", "price": "double"})
        "event_name = 'BUY' AND price >= 10"
    """
    try:
        tree = _parse(text)
        found = _Checker(columns).type_of(tree)
        checked = tree.sql(dialect=_DIALECT, comments=False)
    except RecursionError:
        raise ValueError("the predicate is nested too deeply") from None
    if found != CONDITION:
        raise ValueError(f"{_shown(tree)} is {found}: a predicate must be true or false for every event")
    return checked


def names_of_events(predicate: str) -> tuple[str, ...]:
    """Return the event names that a checked predicate compares `event_name` with.

    Examples:
        >>> names_of_events("event_name IN ('BUY', 'ADD') AND price > 1")
        ('BUY', 'ADD')
    """
    found = (node for node in _parse(predicate).walk() if isinstance(node, exp.EQ | exp.In))
    operands = [list(_operands(node, _RULES[type(node)][0])) for node in found]
    compared = [
        parts for parts in operands if any(isinstance(one, exp.Column) and one.name == "event_name" for one in parts)
    ]
    return tuple(one.name for parts in compared for one in parts if isinstance(one, exp.Literal))


def _parse(text: str) -> exp.Expression:
    if len(text) > _LONGEST:
        raise ValueError(f"the predicate has {len(text):,} characters: at most {_LONGEST:,}")
    try:
        parsed = Dialect.get_or_raise(_DIALECT).parse_into(exp.Condition, text)
    except SqlglotError as problem:
        raise ValueError(
            f"'{one_line(text, 80)}' is no SQL predicate such as event_name = 'BUY': {_reason(problem)}"
        ) from None
    (tree, *others) = parsed
    if not isinstance(tree, exp.Expression) or others:
        raise ValueError(f"'{one_line(text, 80)}' is not one SQL predicate such as event_name = 'BUY'")
    return tree


def _reason(problem: SqlglotError) -> str:
    details = getattr(problem, "errors", None)
    text = details[0]["description"] if details else str(problem)
    return one_line(text.split(" for <class")[0].removesuffix("."), 100)


class _Checker:
    """Finds the type of an expression; raises on anything that is not allowed."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = columns

    def type_of(self, node: exp.Expression) -> str:
        if isinstance(node, exp.Column):
            return self._column(node)
        if isinstance(node, exp.Literal):
            return TEXT if node.is_string else _number(node)
        if isinstance(node, exp.Boolean):
            return CONDITION
        if type(node) is exp.Is and isinstance(node.expression, exp.Null):
            self.type_of(node.this)
            return CONDITION
        return self._call(node)

    def _call(self, node: exp.Expression) -> str:
        if type(node) not in _RULES:
            raise ValueError(f"{_shown(node)} is not allowed in a predicate: {_ALLOWED}")
        names, wanted, result = _RULES[type(node)]
        if any(value for name, value in node.args.items() if name not in (*names, _NEGATED)):
            raise ValueError(f"{_shown(node)} is written in a form that is not allowed in a predicate: {_ALLOWED}")
        operands = list(_operands(node, names))
        types = [self.type_of(operand) for operand in operands]
        for operand, found in zip(operands, types, strict=True):
            if wanted is _SAME and found != types[0]:
                raise ValueError(f"{_shown(node)}: {_shown(operands[0])} is {types[0]}, {_shown(operand)} is {found}")
            if wanted is not _SAME and found != wanted:
                raise ValueError(f"{_shown(node)}: {_shown(operand)} is {found}, but must be {wanted}")
        if type(node) is exp.Like:
            _check_pattern(node.expression)
        return types[0] if result is _SAME else result

    def _column(self, node: exp.Column) -> str:
        name = node.name
        if len(node.parts) > 1 or isinstance(node.this, exp.Star):
            raise ValueError(f"{_shown(node)} is not a column: {hint(name, self._columns)}")
        if name not in self._columns:
            raise ValueError(f"unknown column '{name}': {hint(name, self._columns)}; a text needs quotes: '{name}'")
        return NUMBER if self._columns[name] == "double" else TEXT


def _operands(node: exp.Expression, names: tuple[str, ...]) -> Iterator[exp.Expression]:
    for name in names:
        value = node.args.get(name)
        yield from value if isinstance(value, list) else [value] if value is not None else []


def _number(node: exp.Literal) -> str:
    if len(node.name) > _LONGEST_NUMBER or not math.isfinite(float(node.name)):
        raise ValueError(f"{_shown(node)} is not a finite number of at most {_LONGEST_NUMBER} characters")
    return NUMBER


def _check_pattern(pattern: exp.Expression) -> None:
    if not isinstance(pattern, exp.Literal) or "\\" in pattern.name:
        raise ValueError(f"{_shown(pattern)}: the pattern of LIKE must be a text without a backslash")


def _shown(node: exp.Expression) -> str:
    return one_line(node.sql(dialect=_DIALECT, comments=False), 60)
