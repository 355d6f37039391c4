"""Tables that the library `datasets` reads: folders, files, and commits of the hub once they are in the cache."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as writer

from maskbench.config.build import make
from maskbench.data.fetched import cache
from maskbench.data.own import huggingface
from maskbench.errors import ConfigError, DataError

there = pytest.mark.skipif(find_spec("datasets") is None, reason="needs datasets: pip install 'maskbench[huggingface]'")
COMMIT = "0123456789" * 4
TRAIN = {"a": [1.5, 2, None, 4], "c": ["p", "q", "p", None], "y": [0, 1, 1, 0]}
TEST = {"a": [9.0, 8.0], "c": ["q", "r"], "y": [1, 0]}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A data set in files named after their splits, an empty cache, and a library that asks nobody."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setenv(cache.OFFLINE, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    for name, value in huggingface.QUIET.items():  # the reader sets them, and the next test may not want them
        monkeypatch.setenv(name, value)
    if find_spec("datasets"):
        import datasets

        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "home")
        monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    (tmp_path / "toy").mkdir()
    for name, columns in {"train": TRAIN, "test": TEST}.items():
        writer.write_table(pa.table(columns), tmp_path / "toy" / f"{name}-00000-of-00001.parquet")
    return tmp_path / "toy"


def tables(**changes: object) -> huggingface.Tables:
    return {"train": pa.table(TRAIN), "test": pa.table(TEST | changes)}


@there
class TestFolder:
    """A folder is read as the library reads it."""

    def test_its_splits_are_the_published_parts(self, folder):
        found = huggingface.table(str(folder), target="y", categorical=["c"])
        assert found.description.name == "toy"
        assert found.columns == ("a", "c")
        assert found.description.features.levels == (0, 3)
        assert found.parts is not None
        assert found.parts.tolist() == [0, 0, 0, 0, 2, 2]
        np.testing.assert_array_equal(found.inputs[:, 0], np.array([1.5, 2, np.nan, 4, 9, 8], np.float32))
        assert (found.targets.tolist(), found.classes) == ([0, 1, 1, 0, 1, 0], ("0", "1"))
        assert re.fullmatch(r"user: toy sha256:[0-9a-f]{64}", found.origin)

    def test_other_splits_can_be_chosen(self, folder):
        found = huggingface.table(str(folder), target="y", train="test", test="train", categorical=["c"])
        assert found.parts is not None
        assert found.inputs[found.parts == 2, 0].tolist()[:2] == [1.5, 2]
        with pytest.raises(
            DataError,
            match=r"data\.test: huggingface .* no split 'tests'\. Did you mean 'test'\? There are: train, test",
        ):
            huggingface.table(str(folder), target="y", test="tests")

    def test_a_single_split_is_drawn_from(self, folder):
        (folder / "test-00000-of-00001.parquet").unlink()
        assert huggingface.table(str(folder), target="y").parts is None

    def test_a_validation_split_is_one(self, folder):
        writer.write_table(pa.table(TEST), folder / "validation-00000-of-00001.parquet")
        found = huggingface.table(str(folder), target="y", categorical=["c"])
        assert found.parts is not None
        assert found.parts.tolist() == [0, 0, 0, 0, 1, 1, 2, 2]
        assert huggingface.table(str(folder), target="y", test="validation", categorical=["c"]).parts.tolist()[4:] == [
            2,
            2,
        ]
        (folder / "test-00000-of-00001.parquet").unlink()
        with pytest.raises(
            DataError, match=r"has no split for the test, it has .*; data\.test=validation tests on that"
        ):
            huggingface.table(str(folder), target="y")

    def test_what_it_does_not_have(self, folder):
        with pytest.raises(DataError, match=r"data\.target: huggingface .*toy has no column 'Y'\. Did you mean 'y'\?"):
            huggingface.table(str(folder), target="Y")
        with pytest.raises(DataError, match=r"cannot be loaded: .*BuilderConfig 'big' not found.*; mend data\.path"):
            huggingface.table(str(folder), target="y", config="big")
        with pytest.raises(DataError, match=r"toys does not exist\. Did you mean 'toy'\?"):
            huggingface.table(f"{folder}s", target="y")


@there
def test_class_labels_have_their_names_and_gaps(folder):
    import datasets

    label = datasets.ClassLabel(names=["no", "yes"])
    features = datasets.Features({"a": datasets.Value("float32"), "k": label, "y": label})
    made = datasets.Dataset.from_dict({"a": [1.5, 2, 3], "k": [1, 0, None], "y": [1, 0, -1]}, features=features)
    made.to_parquet(str(folder / "labels.parquet"))
    found = huggingface.table(
        "parquet", data_files=str(folder / "labels.parquet"), target="y", drop_missing_target=True
    )
    assert (found.classes, found.targets.tolist()) == (("no", "yes"), [1, 0])
    assert found.description.features.levels == (0, 2)
    assert found.origin.startswith("huggingface: parquet ")


@there
@pytest.mark.parametrize("several", [False, True], ids=["list", "by split"])
def test_data_files(folder, several):
    files = {name: [str(folder / f"{name}-00000-of-00001.parquet")] for name in ("train", "test")}
    found = huggingface.table("parquet", data_files=files if several else files["train"], target="y", drop=["c"])
    assert (found.parts is None) != several
    assert len(found.inputs) == (6 if several else 4)
    settings = {"path": "parquet", "data_files": files if several else files["train"], "target": "y", "drop": ["c"]}
    configured = make({"_target_": "maskbench.data.own.huggingface.table"} | settings, "data 'huggingface'")
    assert configured.fingerprint == found.fingerprint


@there
def test_data_files_by_their_address(folder):
    """Over a socket, but on this machine; what has no address is never asked for."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    code = (
        "import sys\n"
        "from maskbench.data.own import huggingface\n"
        "print(huggingface.table('parquet', data_files=sys.argv[1], target='y').inputs.shape, 'torch' in sys.modules)"
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"http://127.0.0.1:{running.server_port}/train-00000-of-00001.parquet"
        environment = {"HF_HOME": str(folder.parent / "home"), "PATH": "", "HF_HUB_DISABLE_TELEMETRY": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code, address], env=environment, capture_output=True, text=True, check=False
        )
        running.shutdown()
        thread.join()
    assert done.stdout.strip() == "(4, 2) False", done.stderr


@there
def test_a_name_of_the_hub_offline(folder):
    environment = {cache.FOLDER: str(folder.parent / "cache"), cache.OFFLINE: "1", "PATH": ""}
    code = (
        "import os, sys\n"
        "from maskbench.data.own import huggingface\n"
        "try: huggingface._loaded(huggingface.Wanted('imdb', '0' * 40, None, None, ('train', None, None)))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert re.match(
        r"DataError huggingface 'imdb' cannot be loaded: Couldn't reach 'imdb'.*OfflineModeIsEnabled", done.stdout
    )


class TestHub:
    """A commit is loaded once and then read from the cache."""

    @pytest.fixture
    def asked(self, folder, monkeypatch) -> list[huggingface.Wanted]:
        """What the hub, a stand-in, was asked for."""
        monkeypatch.delenv(cache.OFFLINE)
        asked: list[huggingface.Wanted] = []
        monkeypatch.setattr(huggingface, "_loaded", lambda wanted: asked.append(wanted) or tables())
        return asked

    def load(self, **settings: object):
        return huggingface.table("owner/toy", **({"revision": COMMIT, "target": "y", "categorical": ["c"]} | settings))

    def test_once(self, asked, monkeypatch):
        first = self.load()
        assert first.parts is not None
        assert first.parts.tolist() == [0, 0, 0, 0, 2, 2]
        assert first.origin == f"huggingface: owner/toy {COMMIT}"
        monkeypatch.setenv(cache.OFFLINE, "1")
        assert self.load().fingerprint == first.fingerprint
        assert len(asked) == 1

    @pytest.mark.parametrize(
        "change", [{"config": "b"}, {"test": "train"}, {"revision": "a" * 40}, {"data_files": "x"}]
    )
    def test_other_settings_are_other_tables(self, asked, change):
        self.load()
        self.load(**change)
        assert len(asked) == 2

    def test_roles_of_columns_are_no_other_table(self, asked):
        self.load()
        self.load(drop=["c"], categorical=[])
        assert len(asked) == 1

    def test_two_processes_at_once(self, asked, monkeypatch, folder):
        def meanwhile(wanted: huggingface.Wanted) -> huggingface.Tables:
            monkeypatch.setattr(huggingface, "_loaded", lambda wanted: tables())
            self.load()
            return tables(a=[0.0, 0.0])

        monkeypatch.setattr(huggingface, "_loaded", meanwhile)
        assert self.load().inputs[-1, 0] == 8
        assert len(list((folder.parent / "cache" / "huggingface").iterdir())) == 1

    def test_offline_nothing_is_asked(self, asked, monkeypatch):
        monkeypatch.setenv(cache.OFFLINE, "1")
        with pytest.raises(DataError, match=r"'owner/toy' of the hub is not in .*cache, and MASKBENCH_OFFLINE is set"):
            self.load()
        assert asked == []

    @pytest.mark.parametrize("revision", [None, "main", "v1.0", "0123abc"])
    def test_only_a_commit_pins_a_table(self, asked, revision):
        with pytest.raises(ConfigError, match=rf"data\.revision={revision} pins nothing, and 'owner/toy' may change"):
            self.load(revision=revision)
        assert asked == []


def test_settings_that_name_no_table(folder):
    with pytest.raises(ConfigError, match=r"data\.path is not given; name a data set of the hub or a folder"):
        huggingface.table(target="y")
    with pytest.raises(ConfigError, match=r"data\.path=csv is a format and takes data\.data_files=FILE"):
        huggingface.table("csv", target="y")


def test_offline_no_address_is_asked(folder):
    with pytest.raises(DataError, match=r"data\.data_files are not on this machine, and MASKBENCH_OFFLINE is set"):
        huggingface.table("parquet", data_files={"train": ["http://127.0.0.1:9/x.parquet"]}, target="y")


def test_without_the_library(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"needs the library datasets: pip install 'maskbench\[huggingface\]'"):
        huggingface.table(str(folder), target="y")
