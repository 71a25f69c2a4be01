"""Spark's exceptions as errors of one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from abtest_lib.errors import InputError, LakeError, one_line

# Messages of py4j when the JVM is gone: in the current call, and when it opens the next connection.
_DEAD_JVM = (
    r"^An error occurred while calling \S+$|^Answer from Java side is empty|^Error while (sending|receiving)"
    r"|^\[Errno \d+\] Connection refused"
)

# A pattern in the chain of causes, and the message for a person. The first that matches wins.
_DAMAGED_GZIP = (
    "EOFException: Unexpected end of input stream|Unexpected end of ZLIB|incorrect (header|data) check"
    "|invalid (stored|distance|code|block)|not a gzip file"
)
_KNOWN = (
    (
        _DEAD_JVM,
        LakeError,
        "Spark's JVM ended early, most likely killed because memory ran out: free some and run again",
    ),
    (_DAMAGED_GZIP, InputError, "the input is a truncated or damaged gzip file: nothing was written; send it again"),
    ("No space left on device|Disk quota exceeded", LakeError, "the disk is full: free some space and run again"),
    (
        "Read-only file system|Permission denied|AccessDenied|Mkdirs failed",
        LakeError,
        "no right to write there: check the permissions of the lake",
    ),
    (r"DELTA_VIOLATE_CONSTRAINT\w*\]? ?(?P<what>.{0,200})", LakeError, "a row broke a table's constraint"),
    (
        r"PARQUET_TYPE_ILLEGAL|Found duplicate field\(s\)",
        InputError,
        "a Parquet file has columns of a type that Spark lacks, or named alike but for case: write the six alone",
    ),
    (
        "is not a Parquet file|Could not read footer|CANNOT_READ_FILE_FOOTER|ChecksumException|^Parquet error: ",
        LakeError,
        "a Parquet file is damaged",
    ),
    (
        r"Python worker exited unexpectedly|Connection reset[\s\S]{0,5000}api\.python\.",
        LakeError,
        "a Python worker was killed, most likely because memory ran out: run again, with more memory or fewer cores",
    ),
    (
        r"(Unsupported table features required: \[|Table features must be specified, please specify: )(?P<what>\w*)",
        LakeError,
        "the embedded engine cannot write a table with such features, --compute spark can",
    ),
    (
        "Resources exhausted|Failed to allocate additional",
        LakeError,
        "the embedded engine ran out of memory: run again with --compute spark",
    ),
    ("OutOfMemoryError", LakeError, "Spark ran out of memory: raise driver_memory, e.g. ABTEST_DRIVER_MEMORY=8g"),
)
_FILE = re.compile(r"(?:file:|s3a?:|dbfs:)/[^\s,;\]\"')]+")


@contextmanager
def translate_spark_errors(doing: str) -> Iterator[None]:
    """Turn any error of Spark inside the block into an `AbtestError` of one line.

    Args:
        doing: The current work for the message, e.g. "writing bronze/events".

    Raises:
        InputError: The input is damaged.
        LakeError: Anything else that Spark raised, or the JVM is gone.
    """
    try:
        yield
    except (Py4JError, PySparkException, ConnectionRefusedError) as error:
        raise _translate(error, doing) from error


def _translate(error: Exception, doing: str) -> Exception:
    text = str(error)
    for pattern, kind, meaning in _KNOWN:
        match = re.search(pattern, text)
        if match is not None:
            place = _FILE.search(text)
            where = f" ({place[0]})" if place else ""
            detail = f": {one_line(match['what'])}" if "what" in match.groupdict() else ""
            return kind(f"{doing}: {meaning}{where}{detail}")
    return LakeError(f"{doing}: {_root_cause(text)}")


def _root_cause(text: str) -> str:
    causes = [line for line in text.splitlines() if line.startswith("Caused by: ")]
    line = causes[-1].removeprefix("Caused by: ") if causes else text
    without_class = re.sub(r"^(?:[\w$]+\.)+([\w$]+): ", r"\1: ", line)
    return one_line(without_class.split("\n\tat ")[0])
