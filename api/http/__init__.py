"""What surrounds every request: connections, middleware, errors, logs, metrics."""
