"""A user's table in a text file: all columns are read as text, and what they hold is found from all rows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskbench.data.dataset import Dataset
from maskbench.data.own.guessing import Spelling, guessed
from maskbench.data.own.tables import Roles, Source, require_columns, tabulated
from maskbench.data.own.userfiles import located, origin
from maskbench.data.own.wording import shown
from maskbench.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pyarrow as pa

GAPS = ("", "NA", "NULL", "NaN", "nan", "null", "n/a", "N/A", "?")
NAMED = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "blank": " "}
"""Marks that a shell or Hydra would take for their own."""
LENIENT = "surrogateescape"
"""Lines are decoded many at a time, and a bad byte may be in any of them."""


@dataclass(frozen=True)
class Format:
    """How a file is written."""

    sep: str
    encoding: str
    header: bool
    decimal: str
    gaps: frozenset[str]

    def check(self) -> None:
        """Refuse what cannot be, whatever the file is."""
        for key, value in (("sep", self.sep), ("decimal", self.decimal)):
            if len(value) != 1 or not value.isascii() or value in '"\r\n':
                raise ConfigError(f"data.{key} is one plain character, or one of {', '.join(NAMED)}, not '{value}'")
        if self.sep == self.decimal:
            raise ConfigError(
                f"data.sep and data.decimal are both '{self.sep}'; columns and fractions would look alike"
            )
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ConfigError(f"data.encoding: there is no encoding '{self.encoding}'; try utf8 or latin-1") from error


def table(
    path: str | None = None,
    test_path: str | None = None,
    sep: str = ",",
    encoding: str = "utf8",
    header: bool = True,
    decimal: str = ".",
    na_values: Sequence[Any] = (),
    **roles: Any,
) -> Dataset:
    """The rows of a file; those of `test_path` are the published test part. `roles` are those of `Roles`.

    Blanks around values and what `GAPS` and `na_values` say are gaps. Without a `header` the columns are f0, f1, ...
    """
    import pyarrow as pa

    gaps = frozenset((*GAPS, *map(str, na_values)))
    form = Format(NAMED.get(sep, sep), encoding, header, NAMED.get(decimal, decimal), gaps)
    form.check()
    files = [located(path), *([located(test_path, "data.test_path")] if test_path else [])]
    wanted = Roles(**roles)
    names = _names(files[0], form)
    used = wanted.columns(names, files[0].name)
    for other in files[1:]:
        require_columns(used, _names(other, form), f"data.test_path: {other.name}")
    texts = [_texts(file, used, form) for file in files]
    parts = ("train", "test") if test_path else ()
    source = Source(files[0].name, "; ".join(map(origin, files)), tuple(map(len, texts)), parts)
    categorical = {*wanted.named("categorical"), *wanted.named("group")}
    spelling = Spelling(form.decimal, form.gaps, categorical, wanted.named("numeric"))
    both = pa.concat_tables(texts)
    columns = [guessed(name, both.column(name), spelling, source) for name in used]
    return tabulated(files[0].stem, columns, wanted, source)


def _names(file: Path, form: Format) -> list[str]:
    """What the columns are called; raises DataError where there are not at least two."""
    import pyarrow as pa

    if file.is_dir():
        raise DataError(f"{file} is a folder; give data.path one file of it")
    encoding = "utf-8-sig" if codecs.lookup(form.encoding).name == "utf-8" else form.encoding
    try:
        with pa.input_stream(str(file)) as opened, io.TextIOWrapper(opened, encoding, LENIENT, newline="") as text:
            fields = next((fields for fields in csv.reader(text, delimiter=form.sep) if fields), [])
    except UnicodeError as error:
        raise _undecodable(file, form, "its first line") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{file} cannot be read as text: {error}; give a text file of fields and lines") from error
    if any("\udc80" <= sign <= "\udcff" for field in fields for sign in field):
        raise _undecodable(file, form, "its first line")
    if not fields:
        raise DataError(f"{file} is empty; give a table with a header and rows below it")
    if len(fields) < 2:
        raise _one_column(file, fields[0], form)
    return [" ".join(name.split()) for name in fields] if form.header else [f"f{place}" for place in range(len(fields))]


def _one_column(file: Path, line: str, form: Format) -> DataError:
    other = next((name for name, mark in NAMED.items() if mark in line and mark != form.sep), "")
    hint = f"try data.sep={other}" if other else "name another by data.sep"
    return DataError(
        f"{file.name} has one column only with the separator '{form.sep}', its first line is '{shown(line)}'; {hint}"
    )


def _texts(file: Path, used: Sequence[str], form: Format) -> pa.Table:
    """The columns that are used, as text."""
    import pyarrow as pa
    from pyarrow import csv as reader

    names = _names(file, form)
    try:
        return reader.read_csv(
            str(file),
            reader.ReadOptions(
                use_threads=False,  # so that an error says its row
                encoding=form.encoding,
                column_names=names,
                skip_rows_after_names=int(form.header),
            ),
            reader.ParseOptions(delimiter=form.sep, newlines_in_values=True),
            reader.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=list(used),
                null_values=sorted(form.gaps),
                strings_can_be_null=True,
            ),
        )
    except UnicodeError as error:
        raise _undecodable(file, form, f"byte {getattr(error, 'start', 0)}") from error
    except pa.ArrowInvalid as error:
        raise _unreadable(file, form, names, str(error)) from error


def _unreadable(file: Path, form: Format, names: Sequence[str], said: str) -> DataError:
    """Arrow's complaint in our words; its rows count the header."""
    row = re.search(r"Row #(\d+)", said)
    where = f"row {int(row[1]) - form.header}" if row else "a row"
    if fields := re.search(r"Expected (\d+) columns, got (\d+): ?(.*)", said):
        return DataError(
            f"{file.name}: {where} has {fields[2]} fields instead of {fields[1]}: '{shown(fields[3])}'; "
            "mend it, or name another separator by data.sep"
        )
    if "UTF8" in said:
        column = re.search(r"column #(\d+)", said)
        return _undecodable(file, form, f"column '{names[int(column[1])]}' in {where}" if column else where)
    if "Empty CSV" in said:
        return DataError(f"{file.name} has no rows; give a table with a header and rows below it")
    return DataError(f"{file.name} cannot be read: {shown(said)}; mend the file")


def _undecodable(file: Path, form: Format, where: str) -> DataError:
    return DataError(
        f"{file.name} is not written in {form.encoding}: {where}; name its encoding, for example data.encoding=latin-1"
    )
