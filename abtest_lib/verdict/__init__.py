"""The rules that turn numbers into a decision."""
