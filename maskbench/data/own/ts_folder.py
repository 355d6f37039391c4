"""A user's series: the pair of `.ts` or `.tsv` files of a set, or one file."""

from __future__ import annotations

from pathlib import Path

from maskbench.data.dataset import Dataset
from maskbench.data.own.ts import Series, parse, parse_tsv
from maskbench.data.own.userfiles import located, origin
from maskbench.data.sets.series import assembled
from maskbench.errors import DataError, nearest

PARSERS = {".ts": parse, ".tsv": parse_tsv}
TRAIN = "_TRAIN"


def ts_folder(path: str | None, member: str | None = None, padding: str = "none", layout: str = "sequence") -> Dataset:
    """The set in a folder `Name/Name_TRAIN.ts` and `Name_TEST.ts`, its split published; or one file without a split.

    `member` is the Name, where the folder holds several sets.
    """
    found = located(path, what="folder of Name_TRAIN.ts and Name_TEST.ts")
    if found.is_file():
        return assembled(found.stem, _read(found), None, origin(found), padding, layout)
    train = _train(found, member)
    test = train.with_name(train.name.replace(TRAIN, "_TEST"))
    if not test.is_file():
        raise DataError(f"{train} has no {test.name} beside it; add it, or give data.path={train} to draw a split")
    name = train.stem.removesuffix(TRAIN)
    return assembled(name, _read(train), _read(test), origin(train.parent, [train, test]), padding, layout)


def _train(folder: Path, member: str | None) -> Path:
    """The train file of the set, `.ts` rather than `.tsv`, in the folder or in one of its own named like the set."""
    found: dict[str, Path] = {}
    for suffix in PARSERS:
        for file in sorted([*folder.glob(f"*{TRAIN}{suffix}"), *folder.glob(f"*/*{TRAIN}{suffix}")]):
            found.setdefault(file.stem.removesuffix(TRAIN), file)
    if not found:
        raise DataError(f"{folder} holds no Name{TRAIN}.ts or .tsv; mend data.path")
    if member is None and len(found) > 1:
        raise DataError(
            f"{folder} holds {len(found)} sets ({', '.join(sorted(found)[:10])}); choose one by data.member"
        )
    if member is not None and member not in found:
        raise DataError(
            f"{folder} holds no set '{member}'.{nearest(member, found)} It holds {', '.join(sorted(found)[:10])}"
        )
    return found[member or next(iter(found))]


def _read(file: Path) -> Series:
    if file.suffix not in PARSERS:
        raise DataError(f"{file} is no .ts or .tsv file; convert it, or mend data.path")
    return PARSERS[file.suffix](file.read_bytes(), str(file))
