"""The profiles and the experiment registry, shipped with the wheel as data."""
