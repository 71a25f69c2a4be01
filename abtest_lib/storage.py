"""The location of a lake, on a disk or in an object store, and the options of each client of it.

Spark (S3A), delta-rs and the writer lease are three clients of one store. All of them follow the AWS environment:
AWS_ENDPOINT_URL, AWS_REGION, AWS_PROFILE, the credential chain, AWS_SERVER_SIDE_ENCRYPTION and AWS_SSE_KMS_KEY_ID.
Settings (`s3_*`) only fill in what the environment leaves open. No secret ever passes through here.
"""

import io
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from abtest_lib.errors import ConfigError, one_line
from abtest_lib.user_files import check_utf8

if TYPE_CHECKING:
    from abtest_lib.config import Settings

_S3 = re.compile(r"s3a?://")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_ENCRYPTION = {"SSE-S3": "AES256", "SSE-KMS": "aws:kms"}
_S3A = "spark.hadoop.fs.s3a."
_REQUEST_TIMEOUT = timedelta(seconds=10)
_RETRY_TIMEOUT = timedelta(seconds=15)
_PART = 8 * 2**20
_PAUSES = (0.2, 1.0)
"""The pauses before the second and the third attempt, in seconds."""

T = TypeVar("T")


def local_folder(path: str) -> Path | None:
    """Return the local folder of a path; None for an object store."""
    if path.startswith("file:"):
        return Path("/" + path.removeprefix("file:").lstrip("/"))
    return None if "://" in path or path.startswith("dbfs:") else Path(path)


def lake_location(path: str) -> str:
    """Make the location of a lake absolute, so that every client of it finds the same place.

    Spark resolves a relative path in a DataFrame call but not in SQL, and a child process may have another folder.

    Args:
        path: The text of a person: a folder (`./lake`, `../lake/`, `~/lake`) or a URL (`s3a://bucket/prefix/`).

    Returns:
        An absolute path without `.`, `..` or a slash at its end; a URL loses only that slash.

    Raises:
        ConfigError: The location is empty, carries a secret or an escape (%20), or names a person who has no home.

    Examples:
        >>> lake_location("/data/./old/../lake/")
        '/data/lake'
        >>> lake_location("s3a://bucket/lake/")
        's3a://bucket/lake'
    """
    if not path.strip():
        raise ConfigError("the location of the lake is empty: give a folder or s3a://bucket/prefix")
    check_location(path)
    if _ESCAPE.search(path):
        raise ConfigError(f"the lake {path}: delta-rs reads {_ESCAPE.findall(path)[0]} as another character; rename it")
    if path.startswith("file:") or local_folder(path) is None:
        return path.rstrip("/") or path
    try:
        # Not resolved: a lake may be a symbolic link that is set to another folder while the API serves it.
        return os.path.abspath(Path(path).expanduser())  # noqa: PTH100
    except RuntimeError:
        raise ConfigError(f"the lake {path} begins with the home of a person who has none here") from None


def is_s3(path: str) -> bool:
    """Return whether a path is s3://… or s3a://…."""
    return _S3.match(path) is not None


def check_location(path: str) -> None:
    """Raise if a location contains a secret, without repeating the secret, or is not UTF-8.

    Raises:
        ConfigError: The location has the form s3a://key:secret@bucket, or has bytes that are not UTF-8.
    """
    check_utf8(path, "the location", ConfigError)
    scheme, _, rest = path.partition("://")
    authority = rest.split("/", 1)[0]
    # A secret may contain a slash, so that its @ comes later.
    if re.search(":.*@", authority) or (is_s3(path) and re.search("[:@]", authority)):
        raise ConfigError(
            f"a {scheme}:// location carries credentials before its bucket: write {scheme}://bucket/prefix and leave "
            "credentials to the AWS chain (environment, profile or role)"
        )


def check_folder(lake: str) -> None:
    """Raise if the location of a lake is a file, or lies below one.

    Raises:
        ConfigError: A part of the path is not a folder.
    """
    folder = local_folder(lake)
    there = None if folder is None else next((part for part in (folder, *folder.parents) if part.exists()), None)
    if there is not None and not there.is_dir():
        raise ConfigError(f"cannot make a lake at {lake}: {there} is not a folder")


def check_lake(lake: str) -> None:
    """Raise if a lake does not exist; an object store raises at the first read.

    Raises:
        ConfigError: The location carries a secret, or is a folder that does not exist.
    """
    check_location(lake)
    check_folder(lake)
    folder = local_folder(lake)
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"there is no lake at {lake}: abtest run --input PATH --lake {lake} makes one")


def use_object_store(settings: "Settings") -> None:
    """Set the environment variables of the object store from the settings, unless they are set."""
    wanted = {
        "AWS_ENDPOINT_URL": settings.s3_endpoint,
        "AWS_REGION": settings.s3_region,
        "AWS_SERVER_SIDE_ENCRYPTION": _ENCRYPTION.get(settings.s3_encryption or ""),
        "AWS_SSE_KMS_KEY_ID": settings.s3_kms_key_id,
    }
    for name, value in wanted.items():
        if value is not None:
            os.environ.setdefault(name, value)


def delta_rs_location(path: str) -> str:
    """Return the location of a table for delta-rs."""
    return re.sub(_S3, "s3://", path)


def delta_rs_options(lake: str) -> dict[str, str]:
    """Return the options of delta-rs; it finds credentials, region and AWS_ENDPOINT_URL itself."""
    if local_folder(lake) is not None:
        return {}
    return {"timeout": "60s", "connect_timeout": "5s"} | ({"allow_http": "true"} if is_plain_http() else {})


def object_store(prefix: str) -> Any:  # noqa: ANN401  obstore's own store type is not public
    """Return a client for small objects under a prefix; a request that hangs ends within about fifteen seconds.

    Args:
        prefix: s3://bucket/prefix, or any other URL that obstore knows.
    """
    from obstore.store import from_url  # noqa: PLC0415  only object stores need it

    client: Any = {"timeout": _REQUEST_TIMEOUT, "allow_http": is_plain_http()}
    retry: Any = {"max_retries": 2, "retry_timeout": _RETRY_TIMEOUT}
    return from_url(delta_rs_location(prefix), client_options=client, retry_config=retry)


@contextmanager
def open_object(name: str) -> Iterator[IO[bytes]]:
    """Open an object of a store as a file that is read from start to end, by requests that are repeated when lost.

    Args:
        name: s3a://bucket/key, or any other URL that obstore knows.

    Raises:
        OSError: The store does not answer, or there is no such object.
    """
    import obstore  # noqa: PLC0415  only object stores need it
    from obstore.exceptions import BaseError  # noqa: PLC0415

    folder, _, file = name.rpartition("/")
    store = object_store(folder)
    try:
        size = int(with_retries(lambda: obstore.head(store, file))["size"])

        def part(start: int, end: int) -> bytes:
            return with_retries(lambda: bytes(obstore.get_range(store, file, start=start, end=end)))

        with io.BufferedReader(_Parts(size, part), _PART) as reader:
            yield reader
    except BaseError as error:
        raise OSError(one_line(error)) from None


class _Parts(io.RawIOBase):
    """A file of so many bytes, of which each read asks for a part."""

    def __init__(self, size: int, get: Callable[[int, int], bytes]) -> None:
        self._size, self._get, self._place = size, get, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = start + offset
        return self._place

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  any writable buffer
        end = min(self._place + len(buffer), self._size)
        part = self._get(self._place, end) if end > self._place else b""
        buffer[: len(part)] = part
        self._place = end
        return len(part)


def with_retries(request: Callable[[], T]) -> T:
    """Send a request up to three times: no client repeats a request whose answer breaks off.

    Args:
        request: A read, a listing or a removal that reads its whole answer.

    Raises:
        obstore.exceptions.BaseError: The error of the last attempt, or an error that a retry cannot change.
    """
    from obstore.exceptions import GenericError  # noqa: PLC0415  only object stores need it

    for pause in _PAUSES:
        try:
            return request()
        except GenericError:
            time.sleep(pause)
    return request()


def s3a_conf(settings: "Settings", hadoop_version: str) -> Iterator[tuple[str, str]]:
    """Yield the Spark settings of S3A; they follow the same environment as the other clients.

    Args:
        settings: `s3_path_style`; null means path style if an endpoint is given.
        hadoop_version: Spark's own, e.g. 3.4.1.

    Yields:
        Spark settings by name.
    """
    endpoint = _endpoint()
    path_style = endpoint is not None if settings.s3_path_style is None else settings.s3_path_style
    is_sdk_2 = tuple(map(int, hadoop_version.split(".")[:2])) >= (3, 4)
    chain = (
        "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
        if is_sdk_2
        else "com.amazonaws.auth.DefaultAWSCredentialsProviderChain"
    )
    yield f"{_S3A}aws.credentials.provider", chain
    yield "spark.hadoop.fs.s3.impl", "org.apache.hadoop.fs.s3a.S3AFileSystem"
    yield f"{_S3A}path.style.access", str(path_style).lower()
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if endpoint is not None:
        yield f"{_S3A}endpoint", endpoint
        yield f"{_S3A}connection.ssl.enabled", str(not is_plain_http()).lower()
        region = region or "us-east-1"  # stores other than AWS need one, but any will do
    if region is not None:
        yield f"{_S3A}endpoint.region", region
    encryption = os.environ.get("AWS_SERVER_SIDE_ENCRYPTION")
    algorithms = {value: name for name, value in _ENCRYPTION.items()}
    if encryption in algorithms:
        yield f"{_S3A}encryption.algorithm", algorithms[encryption]
        if key := os.environ.get("AWS_SSE_KMS_KEY_ID"):
            yield f"{_S3A}encryption.key", key


def sizes_under(path: str) -> Mapping[str, int]:
    """Return the size in bytes of each file under a table's folder, by relative path; nothing without a folder."""
    folder = local_folder(path)
    if folder is not None:
        files = (file for file in folder.rglob("*") if file.is_file())
        return {str(file.relative_to(folder)): file.stat().st_size for file in files}
    import obstore  # noqa: PLC0415

    store = object_store(path)
    entries = with_retries(lambda: [entry for page in obstore.list(store) for entry in page])
    return {str(entry["path"]): int(entry["size"]) for entry in entries}


def modified_at(folder: str, name: str) -> datetime:
    """Return when a file or object was last written, by the clock of the storage."""
    local = local_folder(folder)
    if local is not None:
        return datetime.fromtimestamp((local / name).stat().st_mtime, UTC)
    import obstore  # noqa: PLC0415

    store = object_store(folder)
    moment: datetime = with_retries(lambda: obstore.head(store, name))["last_modified"]
    return moment


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def is_plain_http() -> bool:
    """Return whether the endpoint in the environment is reached without TLS."""
    return (_endpoint() or "").startswith("http://")
