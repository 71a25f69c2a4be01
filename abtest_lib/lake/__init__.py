"""The lake: its tables, their log, the writer lease and the care of files; the only code that knows Delta."""
