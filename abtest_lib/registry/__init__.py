"""The experiment registry: what was declared before an experiment started."""

from abtest_lib.registry.declarations import Allocation, Experiment, Guardrail, Registry
from abtest_lib.registry.reading import load_registry, parse_registry

__all__ = ["Allocation", "Experiment", "Guardrail", "Registry", "load_registry", "parse_registry"]
