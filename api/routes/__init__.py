"""The routes, and how their answers are made from the store."""
