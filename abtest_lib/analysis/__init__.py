"""Results for an analyst in Python: experiments of a lake, and counts at hand; no JVM."""
