"""One small text that many processes may want to write, kept by whoever was first: on a disk or in an object store."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

from abtest_lib.errors import LakeError, one_line
from abtest_lib.storage import again, local_folder, object_store


class Slot(Protocol):
    """A place for one text; `tag` stands for the content that a caller has seen."""

    def create(self, text: str) -> str | None:
        """Write the text if nothing is there; its tag, or None where something is."""

    def read(self) -> tuple[str, str] | None:
        """The text and its tag, or None where nothing is there."""

    def swap(self, text: str, tag: str) -> str | None:
        """Put a text in the place of the one with this tag; the new tag, or None where another is there by now."""

    def remove(self, tag: str) -> None:
        """Take the text with this tag away; do nothing where another is there by now."""


def slot_at(lake: str, name: str) -> Slot:
    """The slot of this name under a lake's directory or object-store prefix."""
    folder = local_folder(lake)
    return LocalSlot(folder / name) if folder is not None else ObjectSlot(lake, name)


class LocalSlot:
    """A file; its content is its tag, and a lock on its folder makes each step one."""

    def __init__(self, path: Path) -> None:
        """Keep the text in this file."""
        self._path = path
        self._made: list[Path] = []

    def create(self, text: str) -> str | None:
        """Write the text if nothing is there."""
        self._make_folders()
        with self._locked():
            if self._path.exists():
                return None
            self._write(text)
            return text

    def read(self) -> tuple[str, str] | None:
        """The text, which is its own tag."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(self._path, error) from None
        return text, text

    def swap(self, text: str, tag: str) -> str | None:
        """Put a text in the place of another."""
        with self._locked():
            if self.read() != (tag, tag):
                return None
            self._write(text)
            return text

    def remove(self, tag: str) -> None:
        """Take the text away, and the folders that were made for it and hold nothing else."""
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
        beside = self._path.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, self._path)  # noqa: PTH105  readers see the old text or the new one, never half


class ObjectSlot:
    """An object; the store's conditional PUT decides who is first, and its entity tag is the tag."""

    def __init__(self, lake: str, name: str) -> None:
        """Keep the text in this object under a prefix."""
        self._place = f"{lake}/{name}"
        self._name = name
        with _store_errors(self._place):
            self._store = object_store(lake)

    def create(self, text: str) -> str | None:
        """Write the text if nothing is there."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415

        with _store_errors(self._place):
            try:
                return _tag(obstore.put(self._store, self._name, text.encode(), mode="create"))
            except (AlreadyExistsError, PreconditionError):
                return None

    def read(self) -> tuple[str, str] | None:
        """The text and its entity tag."""
        from obstore.exceptions import NotFoundError  # noqa: PLC0415

        with _store_errors(self._place):
            try:
                return again(self._fetch)
            except (NotFoundError, FileNotFoundError):
                return None

    def _fetch(self) -> tuple[str, str]:
        import obstore  # noqa: PLC0415

        found = obstore.get(self._store, self._name)
        return bytes(found.bytes()).decode(), str(found.meta["e_tag"])

    def swap(self, text: str, tag: str) -> str | None:
        """Put a text in the place of the one with this entity tag."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import NotFoundError, PreconditionError  # noqa: PLC0415

        with _store_errors(self._place):
            try:
                return _tag(obstore.put(self._store, self._name, text.encode(), mode={"e_tag": tag}))
            except (PreconditionError, NotFoundError):
                return None

    def remove(self, tag: str) -> None:
        """Take the text away; stores have no conditional DELETE that all of them know, so each attempt looks first."""
        with _store_errors(self._place):
            again(lambda: self._remove(tag))

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
