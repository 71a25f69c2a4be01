"""Copies each new release of the lake into the cache; the only part that reads the lake."""
