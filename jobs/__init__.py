"""spark-submit entry points, one per step."""
