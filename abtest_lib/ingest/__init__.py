"""Input files found and read as text."""
