"""Columns of Arrow tables as the doubles of a day file."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from api.store.day_file import HIGH, LARGEST_EXACT, LOW


def doubles(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return a column as doubles, null as NaN; booleans become 0 and 1, dates days since 1970."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def split_doubles(name: str, column: pa.ChunkedArray) -> dict[str, NDArray[np.float64]]:
    """Return a column as doubles; larger integers, such as seeds, become two columns: upper and lower half."""
    if pa.types.is_integer(column.type) and (pc.max(pc.abs(column)).as_py() or 0) > LARGEST_EXACT:
        high = pc.shift_right(column, 32)
        low = pc.bit_wise_and(column, 0xFFFF_FFFF)
        return {name + HIGH: doubles(high), name + LOW: doubles(low)}
    return {name: doubles(column)}


def coded(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], list[str]]:
    """Return a column of texts as codes, null as NaN, and the texts; a code is a position."""
    words = sorted(word for word in pc.unique(column).to_pylist() if word is not None)
    found = pc.index_in(column.combine_chunks(), value_set=pa.array(words, pa.string()))
    return doubles(pa.chunked_array([found])), words
