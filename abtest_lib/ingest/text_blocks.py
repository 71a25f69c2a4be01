"""Text files in blocks of whole lines."""

from collections.abc import Iterator

from abtest_lib.ingest.packing import open_unpacked

_BLOCK = 8 * 2**20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def blocks_of_lines(name: str) -> Iterator[bytes]:
    """Read a text file in blocks of whole lines.

    Args:
        name: The file, on this machine or in an object store; gzip and bzip2 are unpacked.

    Yields:
        Lines in UTF-8 that end with LF, whatever ended them in the file; the last line may have no end. Bytes that are
        not UTF-8 are replaced by U+FFFD, and a byte-order mark is removed.

    Raises:
        InputError: The file cannot be read, or is damaged.
    """
    with open_unpacked(name) as file:
        pending = file.read(len(_BYTE_ORDER_MARK)).removeprefix(_BYTE_ORDER_MARK)
        while block := file.read(_BLOCK):
            text, held_back = _with_line_feeds(pending + block)
            cut = text.rfind(b"\n") + 1
            if cut:
                yield _valid_utf8(text[:cut])
            pending = text[cut:] + held_back
        if pending:
            yield _valid_utf8(_with_line_feeds(pending + b"\n")[0][:-1])


def _with_line_feeds(text: bytes) -> tuple[bytes, bytes]:
    """End each line with LF; keep a CR at the end for the next block, because an LF may follow it."""
    if b"\r" not in text:
        return text, b""
    held_back = b"\r" if text.endswith(b"\r") else b""
    return text.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n"), held_back


def _valid_utf8(text: bytes) -> bytes:
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="replace").encode()
    return text
