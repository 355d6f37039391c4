"""Derived arrays are made once, made anew where the file is damaged, and never mixed up."""

from __future__ import annotations

import os
import pickle
import zipfile

import numpy as np
import pytest

from maskbench.data.fetched import cache
from maskbench.data.fetched.derived import derived, derived_folder
from maskbench.data.fetched.members import Archive

ARRAYS = {
    "images": np.arange(40_000, dtype=np.uint8).reshape(200, 200),
    "labels": np.array([3, -1]),
    "words": np.array(["ü", "word"]),
}


class Maker:
    """Makes the arrays and counts how often."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self):
        self.made += 1
        return ARRAYS


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    path = tmp_path / "archive"
    path.write_bytes(b"content")
    return Archive("tiny", path)


def same(found) -> bool:
    assert list(found) == list(ARRAYS)
    return all(found[key].dtype == ARRAYS[key].dtype and np.array_equal(found[key], ARRAYS[key]) for key in ARRAYS)


def files() -> list[str]:
    return sorted(path.name for path in derived_folder().iterdir())


def test_arrays_are_made_once(archive):
    make = Maker()
    assert same(derived("set", 1, [archive], make))
    assert files() == ["set-ed7002b439e9-v1.npz"]  # sha256 of `content`
    (file,) = derived_folder().iterdir()
    assert file.stat().st_mode == archive.path.stat().st_mode  # others who share the folder can read it
    assert same(derived("set", 1, [archive], make))
    assert make.made == 1


def test_what_decides_the_arrays_is_in_the_name(archive, tmp_path):
    make = Maker()
    other = Archive("other", tmp_path / "other")
    other.path.write_bytes(b"other")
    calls = [("set", 1, [archive]), ("set-10", 1, [archive]), ("set", 2, [archive]), ("set", 1, [other])]
    calls += [("set", 1, [archive, other]), ("set", 1, [other, archive])]
    for call in calls:
        derived(*call, make)
    assert make.made == len(calls) == len(files())
    archive.path.write_bytes(b"another content")
    derived(*calls[0], make)
    assert make.made == len(calls) + 1


def spoilt(content: bytes) -> list[bytes]:
    """The file empty, cut, or with a bit changed."""
    cut = [content[:size] for size in (0, 1, 100, 30_000, len(content) - 1)]
    places = range(0, len(content), 397)
    return cut + [content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :] for place in places]


def test_a_damaged_file_is_made_anew(archive):
    make = Maker()
    derived("set", 1, [archive], make)
    (file,) = derived_folder().iterdir()
    whole = file.read_bytes()
    for content in spoilt(whole):
        file.write_bytes(content)
        assert same(derived("set", 1, [archive], make))
    assert make.made > 90
    assert same(derived("set", 1, [archive], make))


def test_a_file_of_something_else_is_made_anew_and_nothing_is_unpickled(archive, tmp_path):
    make, mark = Maker(), tmp_path / "mark"
    derived("set", 1, [archive], make)
    (file,) = derived_folder().iterdir()

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    np.save(tmp_path / "array.npy", np.arange(3))
    np.savez(tmp_path / "objects.npz", images=np.array([Hostile()], object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "text.zip", "w") as target:
        target.writestr("images.npy", "no array")
    (tmp_path / "pickle").write_bytes(pickle.dumps(Hostile()))
    for made, other in enumerate(("array.npy", "objects.npz", "text.zip", "pickle"), start=2):
        (tmp_path / other).replace(file)
        assert same(derived("set", 1, [archive], make))
        assert make.made == made
    assert not mark.exists()


def test_where_nothing_can_be_written_every_process_makes_its_own(archive, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    make = Maker()
    for _ in range(2):
        assert same(derived("set", 1, [archive], make))
    assert make.made == 2


def test_a_write_that_fails_leaves_nothing(archive, monkeypatch):
    def full(target, **arrays):
        target.write(b"half a fi")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert same(derived("set", 1, [archive], Maker()))
    assert files() == []


def test_what_would_be_pickled_is_refused(archive):
    with pytest.raises(ValueError, match="allow_pickle"):
        derived("set", 1, [archive], lambda: {"words": np.array(["a", 1], object)})
    assert files() == []


def test_an_error_of_the_maker_is_not_hidden(archive):
    def failing():
        raise OSError("cannot be read")

    with pytest.raises(OSError, match="cannot be read"):
        derived("set", 1, [archive], failing)
