"""A scratch folder on this machine's disk for the frames of one session, removed with its process."""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from weakref import WeakKeyDictionary

from pyspark.sql import DataFrame, SparkSession

from abtest_lib.errors import LakeError

_PREFIX = "abtest-scratch-"
_LOCK = ".lock"
_PLAIN = re.compile(r"[A-Za-z0-9/!$&'()+,;=@:._-]*")
_scratches: "WeakKeyDictionary[SparkSession, Scratch]" = WeakKeyDictionary()


class Scratch:
    """Keeps frames as Parquet files.

    Attributes:
        folder: The folder; nobody else writes there.
    """

    def __init__(self, folder: Path) -> None:
        """Use a folder that exists."""
        self.folder = folder
        self._numbers = count()

    def serve(self, session: SparkSession) -> None:
        """Keep the frames of a session from now on."""
        _scratches[session] = self

    def new_path(self) -> Path:
        """Return a path that nothing has used yet."""
        return self.folder / f"frame-{next(self._numbers)}"

    def keep(self, frame: DataFrame) -> tuple[DataFrame, Path]:
        """Compute a frame once; return it as read from its files, and their folder."""
        path = self.new_path()
        frame.write.option("compression", "snappy").parquet(str(path))
        # A frame without rows may have no file with its schema.
        return frame.sparkSession.read.schema(frame.schema).parquet(str(path)), path

    def plain_path(self, folder: Path) -> Path:
        """Return a path to a folder without signs that a URL escapes: Sail escapes them twice.

        Args:
            folder: A folder; it is created if its path holds such signs.

        Raises:
            LakeError: The scratch folder's own path holds such signs.
        """
        if _PLAIN.fullmatch(str(folder)):
            return folder
        if not _PLAIN.fullmatch(str(self.folder)):
            raise LakeError(
                f"the embedded engine cannot write to {folder} from the scratch folder {self.folder}: name a scratch "
                "folder of letters, digits, - and _ with TMPDIR, or use --compute spark"
            )
        folder.mkdir(parents=True, exist_ok=True)
        link = self.folder / f"lake-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
        if not link.is_symlink():
            link.symlink_to(folder)
        return link

    def drop(self, path: Path) -> None:
        """Remove a kept frame."""
        shutil.rmtree(path, ignore_errors=True)


def scratch_of(session: SparkSession) -> Scratch | None:
    """Return the scratch folder of a session; None for an engine that keeps frames itself."""
    return _scratches.get(session)


@contextmanager
def open_scratch() -> Iterator[Scratch]:
    """Create a scratch folder and remove it at the end; also remove those of killed processes."""
    _remove_left_behind()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    scratch = Scratch(folder)
    try:
        yield scratch
    finally:
        for session in [session for session, used in _scratches.items() if used is scratch]:
            del _scratches[session]
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_left_behind() -> None:
    """Remove this user's scratch folders whose process is gone: its lock ended with it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR)
        except OSError:
            continue  # another user's, or being made or removed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # its process is alive
        finally:
            os.close(lock)
