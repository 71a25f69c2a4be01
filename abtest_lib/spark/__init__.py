"""The only session builder, for both engines, and helpers around Spark."""
