"""Ends with 0 when this container's service answers, else with 1."""

import http.client
import os
import sys

_PATHS = {"api": "/health/live", "dashboard": "/_stcore/health"}
_SECONDS = 4


def is_healthy(service: str, port: int) -> bool:
    """Whether the service on this machine's port says that it lives."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", _PATHS[service])
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_healthy(os.environ.get("SERVICE", "api"), int(os.environ.get("PORT", "8000"))))
