"""Pickles of known files: only the names these files need are given, so that no code of theirs can run."""

from __future__ import annotations

import codecs
import io
import lzma
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from maskbench.errors import DataError

Column = NDArray[Any]
Block = tuple[Column, Any]
FRAME_LIMIT = 1 << 30
"""Bytes a compressed frame may unpack to."""
UNFIT = (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError)
"""What unpickling something else ends in."""


class _Frame:
    """Stands for a DataFrame: its state, nothing else."""

    _mgr: tuple[tuple[Block, ...], list[Any]]


def _block(values: Column, placement: Any, ndim: int) -> Block:
    return values, placement


def _manager(blocks: tuple[Block, ...], axes: list[Any]) -> tuple[tuple[Block, ...], list[Any]]:
    return blocks, axes


def _index(_class: Any, state: Mapping[str, Any]) -> Any:
    return state.get("data")


_RECONSTRUCT, _FROM_BUFFER = np.empty(0).__reduce__()[0], np.empty(0).__reduce_ex__(5)[0]
ARRAYS: dict[str, Any] = {
    "numpy.dtype": np.dtype,
    "numpy.ndarray": np.ndarray,
    "numpy.core.multiarray._reconstruct": _RECONSTRUCT,
    "numpy._core.multiarray._reconstruct": _RECONSTRUCT,
}
ENCODED = ARRAYS | {"_codecs.encode": codecs.encode}
FRAMES = ARRAYS | {
    "builtins.slice": slice,
    "numpy.core.numeric._frombuffer": _FROM_BUFFER,
    "numpy._core.numeric._frombuffer": _FROM_BUFFER,
    "pandas._libs.internals._unpickle_block": _block,
    "pandas.core.frame.DataFrame": _Frame,
    "pandas.core.indexes.base.Index": None,
    "pandas.core.indexes.base._new_Index": _index,
    "pandas.core.indexes.range.RangeIndex": None,
    "pandas.core.internals.managers.BlockManager": _manager,
}


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows these names only."""

    def __init__(self, raw: bytes, allowed: Mapping[str, Any], where: str) -> None:
        super().__init__(io.BytesIO(raw))
        self._allowed, self._where = allowed, where

    def find_class(self, module: str, name: str) -> Any:
        """What a name of the pickle stands for."""
        if (asked := f"{module}.{name}") not in self._allowed:
            raise DataError(f"{self._where}: the pickle asks for '{asked}', which is not allowed; nothing was executed")
        return self._allowed[asked]


def frame_columns(raw: bytes, where: str) -> dict[str, Column]:
    """The columns of a pickled DataFrame in one xz stream, without pandas."""
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        pickled = unpacker.decompress(raw, FRAME_LIMIT)
        if not unpacker.eof:
            raise DataError(f"{where}: cut short, or more than {FRAME_LIMIT:,} bytes; refused")
        blocks, axes = _Unpickler(pickled, FRAMES, where).load()._mgr
    except (lzma.LZMAError, *UNFIT) as error:
        raise _unfit(where, error) from error
    columns: dict[int, Column] = {}
    for values, placement in blocks:
        places = range(len(axes[0]))[placement] if isinstance(placement, slice) else placement
        columns |= {int(place): row for place, row in zip(places, values, strict=True)}
    return {str(name): columns[place] for place, name in enumerate(axes[0])}


def object_array(raw: bytes, where: str) -> Any:
    """What an `.npy` file of one pickled object holds."""
    stream = io.BytesIO(raw)
    try:
        if npy.read_magic(stream) != (1, 0) or npy.read_array_header_1_0(stream)[2] != np.dtype(object):
            raise DataError(f"{where}: no .npy of version 1.0 with one pickled object")
        return _Unpickler(raw[stream.tell() :], ENCODED, where).load().item()
    except UNFIT as error:
        raise _unfit(where, error) from error


def _unfit(where: str, error: Exception) -> DataError:
    return DataError(f"{where}: not the file this reader was written for ({error})")
