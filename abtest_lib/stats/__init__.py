"""Frequentist tests, sample-ratio checks, sequential rules and power: plain numbers in, frozen results out."""
