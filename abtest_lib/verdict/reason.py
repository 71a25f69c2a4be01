"""What a reason is made of; `reasons.py` lists them all."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum, IntEnum, auto
from typing import TYPE_CHECKING, Any

from abtest_lib.stats.arrays import Bools
from abtest_lib.verdict.rules import Rules

if TYPE_CHECKING:
    from abtest_lib.verdict.judged_days import JudgedDays
    from abtest_lib.verdict.judgement import Judgement
    from abtest_lib.verdict.validity import Validity

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Effect(IntEnum):
    """What a reason does to the verdict; the strongest effect first."""

    INVALIDATES = 0
    WITHHOLDS = 1
    DECIDES = 2
    EXPLAINS = 3
    WARNS = 4
    INFORMS = 5


class Detail(Enum):
    """The numbers that follow the sentence of a reason in an explanation."""

    USERS = auto()
    EXPECTED_USERS = auto()
    CROSS_EXPOSED_SHARE = auto()


class Stage(Enum):
    """The result that a condition needs."""

    VALIDITY = auto()
    DECISION = auto()
    COMPARISON = auto()


@dataclass(frozen=True, slots=True)
class Condition:
    """When a reason holds.

    Attributes:
        stage: The result that `holds` takes.
        holds: Returns one value per experiment × day, or one per day for comparisons.
    """

    stage: Stage
    holds: Callable[[Any], Bools]


def if_validity(holds: "Callable[[Validity], Bools]") -> Condition:
    """Make a condition on the tests of validity."""
    return Condition(Stage.VALIDITY, holds)


def if_decided(holds: "Callable[[Judgement], Bools]") -> Condition:
    """Make a condition on evidence and decisions."""
    return Condition(Stage.DECISION, holds)


def if_compared(holds: "Callable[[JudgedDays], Bools]") -> Condition:
    """Make a condition on the comparisons of some days."""
    return Condition(Stage.COMPARISON, holds)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason.

    Attributes:
        effect: INVALIDATES makes the verdict `invalid`; WITHHOLDS makes it `inconclusive` whatever the numbers say;
            DECIDES is why a decision was taken, EXPLAINS why none was; WARNS and INFORMS change nothing.
        code: The code in gold/verdicts.
        sentence: The sentence for a person; names in braces are numbers of `Rules`.
        condition: When it holds; None where there are no counts to test.
        detail: The numbers that follow the sentence in an explanation.
        is_cause: Whether the sentence is enough to explain why nothing was decided.
    """

    effect: Effect
    code: str
    sentence: str
    condition: Condition | None = None
    detail: Detail = Detail.USERS
    is_cause: bool = True

    def sentence_with(self, rules: Rules) -> str:
        """Return the sentence with the numbers of these rules."""
        return self.sentence.format(**{name: _as_text(value) for name, value in asdict(rules).items()})


def _as_text(number: float) -> str:
    """Write a proportion as a percentage, and a small count in words."""
    if isinstance(number, float):
        return f"{100 * number:.10g} %"
    return _DIGITS[number] if 0 <= number < len(_DIGITS) else f"{number:,}"
