"""Read YAML so that every scalar keeps its spelling, with limits on depth and size.

YAML 1.1 reads `off` as false and `1.10` as 1.1. Here both stay texts, and the caller converts them.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

import yaml

from abtest_lib.errors import UsageError, one_line

DEEPEST = 50
"""The limit of nested lists and mappings."""

MOST_NODES = 2_000_000
"""The limit of values in a file; an alias counts all values that it repeats."""

T = TypeVar("T")
Plain = str | list["Plain"] | dict[str, "Plain"] | None

_PREFIX = "tag:yaml.org,2002:"
_NULL_TAG = f"{_PREFIX}null"
_TAGS = {_PREFIX + name for name in "null bool int float str seq map timestamp merge value".split()}  # noqa: SIM905


def is_null(node: yaml.Node | None) -> bool:
    """Return whether a value is missing or null."""
    return node is None or node.tag == _NULL_TAG


def compose(text: str, place: str, error: type[UsageError] = UsageError) -> yaml.Node | None:
    """Read a text into nodes.

    Args:
        text: One YAML document.
        place: The name of the document in messages.
        error: The class of the error.

    Returns:
        The root, or None for an empty document.

    Raises:
        UsageError: The text is not YAML, nested too deeply, or too large with its aliases.
    """
    try:
        return _BoundedLoader(text).get_single_node()
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        line = f" line {mark.line + 1}" if mark is not None else ""
        raise error(f"{place}{line}: not YAML: {one_line(problem.problem)}") from None
    except yaml.YAMLError as problem:
        raise error(f"{place}: not YAML: {one_line(problem)}") from None


def read_texts(text: str, place: str, error: type[UsageError] = UsageError) -> Plain:
    """Read a text into lists and mappings of texts; a null value of a key becomes None.

    Args:
        text: One YAML document.
        place: The name of the document in messages.
        error: The class of the error.

    Raises:
        UsageError: As `compose`, or a key is repeated or is not a text.

    Examples:
        >>> read_texts("{names: [off, 1.10, null], limit: null}", "an example")
        {'names': ['off', '1.10', 'null'], 'limit': None}
    """
    root = compose(text, place, error)
    return None if root is None or is_null(root) else NodeReader(place, error).plain(root)


class NodeReader:
    """Reads nodes; every message names the place and the line."""

    def __init__(self, place: str, error: type[UsageError] = UsageError) -> None:
        """Set the name of the document in messages, and the class of the error."""
        self._place, self._error = place, error

    def fail(self, node: yaml.Node, problem: str) -> UsageError:
        """Return the error about a node."""
        return self._error(f"{self._place} line {node.start_mark.line + 1}: {problem}")

    def keys(self, node: yaml.Node, allowed: tuple[str, ...], owner: str) -> dict[str, yaml.Node]:
        """Return the values of a mapping by key, without nulls; raise on a key that is not allowed."""
        found = {}
        for key, value in self.pairs(node, owner):
            if key.value not in allowed:
                raise self.fail(key, f"unknown key '{key.value}' in {owner}: allowed are {', '.join(allowed)}")
            if not is_null(value):
                found[key.value] = value
        return found

    def pairs(self, node: yaml.Node, owner: str) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """Yield keys and values of a mapping; raise on a repeated key."""
        if not isinstance(node, yaml.MappingNode):
            raise self.fail(node, f"{owner} must hold `key: value` lines")
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.value.strip():
                raise self.fail(key, f"a key in {owner} must be a text")
            if key.value in seen:
                raise self.fail(key, f"key '{key.value}' appears twice in {owner}")
            seen.add(key.value)
            yield key, value

    def items(self, node: yaml.Node | None, owner: str) -> list[yaml.Node]:
        """Return the items of a list; an empty list without a node."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.fail(node, f"{owner} must be a list")
        return list(node.value)

    def scalar(self, node: yaml.Node | None, read: Callable[[str], T], allowed: str) -> T | None:
        """Convert the text of a scalar with `read`; return None without a node."""
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode):
            raise self.fail(node, f"a list or mapping: must be {allowed}")
        try:
            return read(node.value)
        except ValueError:
            raise self.fail(node, f"'{one_line(node.value, 40)}': must be {allowed}") from None

    def plain(self, node: yaml.Node, owner: str = "the file") -> Plain:
        """Return a node as lists and mappings of texts."""
        if node.tag not in _TAGS:
            raise self.fail(node, f"the tag '{one_line(node.tag, 40)}' is not known")
        if isinstance(node, yaml.MappingNode):
            return {
                key.value: None if is_null(value) else self.plain(value, f"'{key.value}'")
                for key, value in self.pairs(node, owner)
            }
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, owner) for item in node.value]
        return cast("str", node.value)


class _BoundedLoader(yaml.SafeLoader):
    """A loader with limits on depth and number of nodes; an alias counts all nodes that it repeats."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        is_alias, before = self.check_event(yaml.AliasEvent), self._nodes
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._refusal(f"nested deeper than {DEEPEST} levels")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias and id(node) not in self._sizes:
            raise self._refusal("an alias refers to what it is part of")
        self._nodes += self._sizes[id(node)] if is_alias else 1
        if self._nodes > MOST_NODES:
            raise self._refusal(f"more than {MOST_NODES:,} values")
        self._sizes.setdefault(id(node), self._nodes - before)
        return node

    def _refusal(self, problem: str) -> yaml.MarkedYAMLError:
        return yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
