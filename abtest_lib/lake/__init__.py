"""The lake: its tables, their log, the writer lease and file maintenance; the only code that knows Delta."""
