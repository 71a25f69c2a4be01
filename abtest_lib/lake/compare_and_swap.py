"""A small text file that changes only by compare-and-swap, on a disk or in an object store."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

from abtest_lib.errors import LakeError, one_line
from abtest_lib.storage import local_folder, object_store, with_retries


class CompareAndSwapFile(Protocol):
    """A text file; a tag names the content that a caller has read or written."""

    def create(self, text: str) -> str | None:
        """Create the file and return its tag; return None if it exists."""

    def read(self) -> tuple[str, str] | None:
        """Return the text and its tag; None without a file."""

    def swap(self, text: str, tag: str) -> str | None:
        """Replace the text with this tag and return the new tag; return None if the file has changed or is gone."""

    def remove(self, tag: str) -> None:
        """Remove the file if it still has this tag."""


def compare_and_swap_file(lake: str, name: str) -> CompareAndSwapFile:
    """Return the file of this name under a lake's directory or object-store prefix."""
    folder = local_folder(lake)
    return LocalFile(folder / name) if folder is not None else StoredObject(lake, name)


class LocalFile:
    """A file on a disk; its content is its tag, and a lock on its folder makes each step atomic."""

    def __init__(self, path: Path) -> None:
        """Use the file at this path."""
        self._path = path
        self._made: list[Path] = []

    def create(self, text: str) -> str | None:
        """Create the file and return its tag; return None if it exists."""
        self._make_folders()
        with self._locked():
            if self._path.exists():
                return None
            self._write(text)
            return text

    def read(self) -> tuple[str, str] | None:
        """Return the text, which is its own tag."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(self._path, error) from None
        return text, text

    def swap(self, text: str, tag: str) -> str | None:
        """Replace the text that is the tag."""
        with self._locked():
            if self.read() != (tag, tag):
                return None
            self._write(text)
            return text

    def remove(self, tag: str) -> None:
        """Remove the file, and the folders that were created for it if they are empty."""
        with self._locked():
            if self.read() == (tag, tag):
                self._path.unlink()
        for folder in self._made:
            if any(folder.iterdir()):
                break
            folder.rmdir()

    def _make_folders(self) -> None:
        missing = [folder for folder in (self._path.parent, *self._path.parent.parents) if not folder.exists()]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _refused(self._path.parent, error) from None
        self._made = missing

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                yield
            finally:
                os.close(folder)
        except OSError as error:
            raise _refused(self._path, error) from None

    def _write(self, text: str) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        os.replace(new, self._path)  # noqa: PTH105  readers see the old text or the new one, never half


class StoredObject:
    """An object; the store's conditional PUT decides who is first, and its entity tag is the tag."""

    def __init__(self, lake: str, name: str) -> None:
        """Use the object of this name under a prefix."""
        self._place = f"{lake}/{name}"
        self._name = name
        with _store_errors(self._place):
            self._store = object_store(lake)

    def create(self, text: str) -> str | None:
        """Create the file and return its tag; return None if it exists."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415

        with _store_errors(self._place):
            try:
                return _tag(obstore.put(self._store, self._name, text.encode(), mode="create"))
            except (AlreadyExistsError, PreconditionError):
                return None

    def read(self) -> tuple[str, str] | None:
        """Return the text and its entity tag."""
        from obstore.exceptions import NotFoundError  # noqa: PLC0415

        with _store_errors(self._place):
            try:
                return with_retries(self._fetch)
            except (NotFoundError, FileNotFoundError):
                return None

    def _fetch(self) -> tuple[str, str]:
        import obstore  # noqa: PLC0415

        found = obstore.get(self._store, self._name)
        return bytes(found.bytes()).decode(), str(found.meta["e_tag"])

    def swap(self, text: str, tag: str) -> str | None:
        """Replace the text with this entity tag."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import NotFoundError, PreconditionError  # noqa: PLC0415

        with _store_errors(self._place):
            try:
                return _tag(obstore.put(self._store, self._name, text.encode(), mode={"e_tag": tag}))
            except (PreconditionError, NotFoundError):
                return None

    def remove(self, tag: str) -> None:
        """Remove the object; not every store has a conditional DELETE, so each attempt reads the tag first."""
        with _store_errors(self._place):
            with_retries(lambda: self._remove(tag))

    def _remove(self, tag: str) -> None:
        import obstore  # noqa: PLC0415

        found = self.read()
        if found is not None and found[1] == tag:
            obstore.delete(self._store, self._name)


def _tag(result: object) -> str:
    return str(cast("dict[str, object]", result)["e_tag"])


@contextmanager
def _store_errors(place: str) -> Iterator[None]:
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield
    except BaseError as error:
        raise LakeError(f"the object store does not let this run use {place}: {one_line(error)}") from None


def _refused(path: Path, error: OSError) -> LakeError:
    return LakeError(f"cannot write {path}: {error.strerror}; a pipeline needs the right to write its lake")
