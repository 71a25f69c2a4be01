"""Pairs of experiment and variant as the text of the CSV form."""

import json
from collections.abc import Sequence


def pairs_text(pairs: Sequence[tuple[str, str | None]]) -> str:
    """Write pairs as `{name=variant, name=variant}`, sorted by name.

    Pairs that this form cannot express become text that breaks a rule.

    Examples:
        >>> pairs_text([("b", "2"), ("a", None)])
        '{a=, b=2}'
        >>> pairs_text([("a", "1,2")])
        'map {"a":"1,2"}'
    """
    if any("," in name for name, _ in pairs) or any(sign in (variant or "") for _, variant in pairs for sign in "=,"):
        return f"map {json.dumps(dict(pairs), ensure_ascii=False, separators=(',', ':'))}"
    texts = (f"{name}={variant or ''}" for name, variant in sorted(pairs, key=_order))
    return "{" + ", ".join(texts) + "}"


def _order(pair: tuple[str, str | None]) -> tuple[str, bool, str]:
    name, variant = pair
    return name, variant is not None, variant or ""
