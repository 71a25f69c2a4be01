"""Encode answers as JSON."""

from collections.abc import Iterable, Mapping

from pydantic_core import to_json

from abtest_lib.answers import HistoryPoint


def encode(answer: Mapping[str, object]) -> bytes:
    """Return an answer as JSON; infinities and NaN become null.

    Examples:
        >>> encode({"lift": float("inf"), "id": 5001})
        b'{"lift":null,"id":5001}'
    """
    return to_json(answer, inf_nan_mode="null")


def encode_with_points(about: Mapping[str, object], points: Iterable[HistoryPoint]) -> bytes:
    """Return an answer with a long list of points; they are encoded one by one, so that other threads get their turn.

    Examples:
        >>> encode_with_points({"name": "a"}, [{"x": 1}, {"x": 2}])
        b'{"points":[{"x":1},{"x":2}],"name":"a"}'
    """
    return b'{"points":[' + b",".join(map(encode, points)) + b"]," + encode(about)[1:]
