"""The version of model and engines, importable without JAX."""

MODEL_VERSION = "beta-binomial-2"
"""Raised when a change of model or engines can change a number; results of another version are fitted again."""

NORMAL_VERSION = "normal-1"
"""The same for the model of a catalogue's metrics."""
