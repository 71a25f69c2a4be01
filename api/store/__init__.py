"""The cache on disk, and the snapshot of one release that answers are made from."""
