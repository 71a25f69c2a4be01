"""Synthetic traffic with a known truth: events as they would arrive, and what should be found in them."""
