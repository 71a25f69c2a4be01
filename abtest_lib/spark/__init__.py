"""The only SparkSession builder, and idempotent Delta reads and writes."""
