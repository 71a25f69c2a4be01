"""Priors, models, inference engines and posterior summaries."""
