"""The version of model and engines, importable without JAX."""

MODEL_VERSION = "beta-binomial-2"
"""Raised whenever a change of model or engines may change a number; results of another version are fitted again."""
