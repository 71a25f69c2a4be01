"""The steps: what each reads, calls and writes."""
