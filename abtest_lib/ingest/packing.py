"""The packing of text files, by their names and by their first bytes."""

import bz2
import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import IO, Any

from abtest_lib.errors import InputError, one_line
from abtest_lib.storage import local_folder, open_object

_OPENERS: Mapping[str, Callable[..., Any]] = {"gzip": gzip.open, "bzip2": bz2.open}
_SUFFIXES = {"gz": "gzip", "bz2": "bzip2"}
_FIRST_BYTES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"PAR1": "Parquet",
}


def packing_of(name: str) -> str | None:
    """Return the packing that the name of a file implies; None for a file that is not packed.

    Examples:
        >>> packing_of("events.CSV.GZ"), packing_of("events.csv")
        ('gzip', None)
    """
    return _SUFFIXES.get(name.rpartition(".")[2].lower())


def check_packing(name: str) -> None:
    """Reject a text file whose first bytes contradict its name.

    Args:
        name: A file on this machine that is not empty.

    Raises:
        InputError: It is packed in another way than its name says, or cannot be opened.
    """
    said = packing_of(name)
    try:
        with open(name, "rb") as file:  # noqa: PTH123  a name that is absolute
            start = file.read(max(map(len, _FIRST_BYTES)))
    except OSError as error:
        raise InputError(f"cannot read the input file {one_line(name)}: {error.strerror}") from None
    found = next((kind for first, kind in _FIRST_BYTES.items() if start.startswith(first)), None)
    if found == said:
        return
    suffix = next((suffix for suffix, kind in _SUFFIXES.items() if kind == found), None)
    if found == "Parquet":
        advice = "rename it to end in .parquet"
    elif suffix is not None:
        advice = f"rename it to end in .{suffix}"
    else:
        advice = "unpack it, or pack it with gzip (.gz) or bzip2 (.bz2)" if found else "rename it, or send it again"
    raise InputError(f"input file {one_line(name)} is {found or f'not {said}, as its name says'}: {advice}")


@contextmanager
def open_unpacked(name: str) -> Iterator[IO[bytes]]:
    """Open a text file, on this machine or in an object store, and unpack it by its name.

    Raises:
        InputError: The file cannot be read, or is damaged.
    """
    packing = packing_of(name)
    try:
        with ExitStack() as stack:
            source = name if local_folder(name) is not None else stack.enter_context(open_object(name))
            if packing is not None or isinstance(source, str):
                source = stack.enter_context(_OPENERS.get(packing or "", open)(source, "rb"))
            yield source
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"input file {name} is a truncated or damaged {packing} file: {one_line(error)}") from None
    except OSError as error:
        why = error.strerror or one_line(error)
        raise InputError(f"cannot read the input file {name}: {why}") from None
