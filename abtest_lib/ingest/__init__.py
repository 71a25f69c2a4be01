"""Input files: found, understood, and read as text."""
