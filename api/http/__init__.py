"""The HTTP side of the API: connections, middleware, errors, logs, metrics."""
