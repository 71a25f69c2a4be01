"""The files of an input: a file, a folder or a glob. For files on this machine no Spark is needed."""

import glob
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from abtest_lib.errors import InputError, LakeError, one_line
from abtest_lib.ingest.packing import check_packing, packing_of
from abtest_lib.storage import local_folder, sizes_under
from abtest_lib.user_files import check_utf8

_FORMATS = {"csv": "csv", "json": "json", "jsonl": "json", "ndjson": "json", "parquet": "parquet"}
PACKED_RATIO = 20
"""Text bytes per packed byte: events are repetitive, and gzip and Parquet shrink the sample to about a 26th."""


@dataclass(frozen=True, slots=True)
class Source:
    """The input files by format.

    Attributes:
        path: The file, folder or glob that the caller gave.
        files: Format to its files, in order of name.
        text_bytes: About how many bytes of text they hold, unpacked.
        notices: Sentences for a person, e.g. about files without content.
    """

    path: str
    files: dict[str, tuple[str, ...]]
    text_bytes: int = 0
    notices: tuple[str, ...] = ()


def find_local_source(path: str) -> Source | None:
    """Find the files of an input on this machine.

    Args:
        path: A file, a folder (searched to the bottom) or a glob.

    Returns:
        The files by format; None for an object store.

    Raises:
        InputError: Nothing is there, or a file is of an unknown format or has a name that Spark cannot read.
    """
    if local_folder(path) is None:
        return None
    found = _list_local(path)
    for name in found:
        _check_name(name)
    source = understand_files(path, found)
    for name in (name for kind in ("csv", "json") for name in source.files.get(kind, ())):
        check_packing(name)
    return source


def local_text_bytes(path: str) -> int | None:
    """Estimate the bytes of text, unpacked, of an input on this machine's disk; return None for an object store.

    Raises:
        InputError: As `find_local_source`.
    """
    source = find_local_source(path)
    return None if source is None else source.text_bytes


def understand_files(path: str, found: Mapping[str, int]) -> Source:
    """Sort files by format, and leave out those without a byte.

    Args:
        path: The file, folder or glob that the caller gave.
        found: File name to size in bytes.

    Raises:
        InputError: No file has content, or the format of one is unknown.
    """
    if not found:
        raise InputError(f"no input file at {path}: give a .csv, .csv.gz, .jsonl or .parquet file, a folder or a glob")
    empty = sorted(name for name, size in found.items() if size == 0)
    if len(empty) == len(found):
        which = f"input file {one_line(empty[0])} is" if len(empty) == 1 else f"all {len(empty)} files of {path} are"
        raise InputError(f"{which} empty: there is not a byte to read")
    by_format: dict[str, list[str]] = defaultdict(list)
    for name in sorted(found.keys() - set(empty)):
        by_format[_format_of(name)].append(name)
    files = {kind: tuple(names) for kind, names in by_format.items()}
    return Source(path, files, _text_bytes(found), skipped_notice(empty))


def skipped_notice(names: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence about the files that are left out because they have no content; empty without such files."""
    skipped = [one_line(name) for name in names]
    if not skipped:
        return ()
    more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
    return (f"skipped {skipped[0]}{more}: no content",)


def _list_local(path: str) -> dict[str, int]:
    root = local_folder(path)
    pattern = str(root)
    if root is not None and root.is_dir():
        candidates: Iterable[tuple[Path, Path]] = ((root, file) for file in root.rglob("*"))
    else:
        # An existing file may have brackets in its name; only what does not exist is a pattern.
        names = [pattern] if Path(pattern).exists() else glob.glob(pattern, recursive=True)  # noqa: PTH207  absolute
        found = [Path(name) for name in names]
        candidates = ((entry.parent, file) for entry in found for file in ([entry, *entry.rglob("*")]))
    visible = (file for top, file in candidates if file.is_file() and not _is_hidden(file.relative_to(top)))
    try:
        return {str(file.resolve()): file.stat().st_size for file in visible}
    except OSError as error:
        raise InputError(f"cannot read the input {path}: {error.strerror}") from None


def list_objects(path: str) -> dict[str, int]:
    """List the files of an input in an object store.

    Args:
        path: s3a://bucket/key, a prefix of keys that ends at a slash, or a glob.

    Returns:
        The size of each by its whole name, without what belongs to Spark or the system.

    Raises:
        LakeError: The store does not answer.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415  only object stores need it

    bucket, _, key = path.partition("://")[2].partition("/")
    root = path[: path.index("://") + 3] + bucket
    key = key.rstrip("/")
    is_glob = any(sign in key for sign in "*?[")
    folder = key.split("*")[0].split("?")[0].split("[")[0].rpartition("/")[0] if is_glob else key
    try:
        found = sizes_under(f"{root}/{folder}" if folder else root)
        if not found and not is_glob:  # the key of one object
            folder = key.rpartition("/")[0]
            found = sizes_under(f"{root}/{folder}" if folder else root)
            found = {name: size for name, size in found.items() if name == PurePosixPath(key).name}
    except BaseError as error:
        raise LakeError(f"listing {path}: {one_line(error)}") from None
    keys = {f"{folder}/{name}".lstrip("/"): size for name, size in found.items() if not _is_hidden(Path(name))}
    if is_glob:
        keys = {name: size for name, size in keys.items() if _matches(name, key)}
    return {f"{root}/{name}": size for name, size in keys.items()}


def _matches(key: str, pattern: str) -> bool:
    """Whether a key, or one of the folders that it lies in, matches a glob."""
    path, depth = PurePosixPath(key), len(PurePosixPath(pattern).parts)
    return any(part.match(pattern) and len(part.parts) == depth for part in (path, *path.parents))


def _is_hidden(path: Path) -> bool:
    """Return whether a file, or one of its folders, belongs to Spark or the system: unfinished, or no data."""
    return any(part.startswith((".", "_")) for part in path.parts)


def _check_name(name: str) -> None:
    """Reject a name that Spark cannot read: its file system takes a colon for the end of a scheme, and wants UTF-8."""
    check_utf8(name, "input file", InputError)
    if ":" in name:
        raise InputError(f"input file {name}: Spark cannot read a path with a colon; rename it, e.g. with - for :")


def _text_bytes(sizes: Mapping[str, int]) -> int:
    is_packed = {name: packing_of(name) is not None or name.lower().endswith(".parquet") for name in sizes}
    return sum(size * (PACKED_RATIO if is_packed[name] else 1) for name, size in sizes.items())


def _format_of(name: str) -> str:
    plain = name.rpartition(".")[0] if packing_of(name) else name
    kind = _FORMATS.get(Path(plain).suffix.lstrip(".").lower())
    if kind is None or (kind == "parquet" and plain != name):
        allowed = ", ".join(f".{suffix}" for suffix in _FORMATS)
        raise InputError(f"input file {one_line(name)}: its format is not one of {allowed} (.gz or .bz2 may follow)")
    return kind
