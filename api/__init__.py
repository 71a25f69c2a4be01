"""The HTTP service over the gold tables; imports neither pyspark nor jax."""
