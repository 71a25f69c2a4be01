"""Addresses that a person gives: the port to listen on, and the API to ask."""


def check_port(host: str, port: int) -> None:
    """Check that a port is free, before anything is started.

    Raises:
        ConfigError: Nothing can listen there.
    """
    import socket

    from abtest_lib.errors import ConfigError

    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}, port {port}: {error.strerror}; choose another with --port"
        ) from None


def check_api(api: str) -> None:
    """Check that the address of an API is one.

    Raises:
        UsageError: It is not.
    """
    from urllib.parse import urlsplit

    from abtest_lib.errors import UsageError, one_line

    parts = urlsplit(api)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"--api '{one_line(api, 80)}': must be an address such as http://127.0.0.1:8000")
