"""A step of the pipeline: what it reads, how it builds its tables, and how it extends them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from abtest_lib.contracts import TableContract
from abtest_lib.lake.delta_log import Commit
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.run import Run

Inputs = Mapping[str, int]
"""Table to the Delta version that a step reads; besides, fingerprints of what is declared, by a name of their own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a step.

    Attributes:
        rows_read: Rows that it read as its new input.
        rows_written: Rows that it added or changed.
        rows_quarantined: Rows that it added to quarantine.
        duplicates: Rows that were there already.
        rows_forgotten: Rows left out because their users were forgotten.
        input_versions: Table to the Delta version that it read.
        output_versions: Table to the Delta version that it wrote.
        quarantined_by_rule: Rule to the rows of this run that broke it, the most broken rule first.
        examples: Rule to an offending value with its place.
        notices: Sentences for a person.
        ends_run: Whether the following steps have nothing to do.
    """

    rows_read: int = 0
    rows_written: int = 0
    rows_quarantined: int = 0
    duplicates: int = 0
    rows_forgotten: int = 0
    input_versions: Inputs = field(default_factory=dict)
    output_versions: Mapping[str, int] = field(default_factory=dict)
    quarantined_by_rule: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    ends_run: bool = False


class Step(Protocol):
    """A unit of work of a run."""

    @property
    def name(self) -> str:
        """The name of the step in ops/runs."""

    @property
    def is_needed(self) -> Callable[[Run], bool]:
        """Whether a run has something for the step; without it the step is left out."""

    def perform(self, run: Run) -> Outcome:
        """Do the work."""


def always(_: Run) -> bool:
    """Return True: the step is part of every run."""
    return True


@dataclass(frozen=True, slots=True)
class SimpleStep:
    """A step that decides itself what there is to do.

    Attributes:
        name: Its name in ops/runs.
        work: Does the work.
        is_needed: Whether a run has something for the step.
    """

    name: str
    work: Callable[[Run], Outcome]
    is_needed: Callable[[Run], bool] = always

    def perform(self, run: Run) -> Outcome:
        """Do the work."""
        return self.work(run)


@dataclass(frozen=True, slots=True)
class Since:
    """The inputs and outputs of a step's last success, and the inputs of now.

    Attributes:
        consumed: The inputs of the last success.
        now: The inputs of this run.
        left: Table to the Delta version that the last success wrote.
    """

    consumed: Inputs
    now: Inputs
    left: Mapping[str, int]

    @classmethod
    def last(cls, report: StepReport, now: Inputs) -> "Since":
        """Make it from the report of the last success."""
        return cls(report.input_versions, now, report.output_versions)


def _no_notices(_: Run) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class IncrementalStep:
    """A step that brings tables up to date with its inputs.

    Attributes:
        name: Its name in ops/runs.
        outputs: The tables that it writes.
        declared: The name of the declarations' fingerprint among the inputs; if it changes, the tables are rebuilt.
        inputs: Finds the inputs of a run; refuses a lake on which the step cannot run.
        rebuild: Builds the tables from the start.
        extend: Brings the tables up to date; returns None if that is impossible, so that they are rebuilt.
        notices: Returns sentences for a person about what was written.
        is_needed: Whether a run has something for the step.
    """

    name: str
    outputs: tuple[TableContract, ...]
    declared: str
    inputs: Callable[[Run], Inputs]
    rebuild: Callable[[Run], Sequence[Commit]]
    extend: Callable[[Run, Since], Sequence[Commit] | None]
    notices: Callable[[Run], tuple[str, ...]] = _no_notices
    is_needed: Callable[[Run], bool] = always

    def perform(self, run: Run) -> Outcome:
        """Rebuild, extend, or leave the tables alone."""
        inputs = self.inputs(run)
        commits = self._write(run, inputs)
        return Outcome(
            rows_written=sum(commit.rows_changed for commit in commits),
            input_versions=inputs,
            output_versions=run.lake.versions(*self.outputs),
            notices=self.notices(run) if commits else (),
        )

    def _write(self, run: Run, inputs: Inputs) -> Sequence[Commit]:
        last = run.last_success(self.name, self.declared, inputs)
        if last is None:
            return self.rebuild(run)
        if dict(last.input_versions) == dict(inputs):
            return ()
        extended = self.extend(run, Since.last(last, inputs))
        return self.rebuild(run) if extended is None else extended
