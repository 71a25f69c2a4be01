"""Input files: find them, sort them by format, read them as text."""
