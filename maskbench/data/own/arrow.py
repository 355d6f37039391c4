"""Typed tables, as Parquet files and hubs of data sets hold them, stacked into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from maskbench.data.dataset import Dataset
from maskbench.data.own.columns import column_of, declared
from maskbench.data.own.tables import Roles, Source, require_columns, tabulated
from maskbench.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def typed_dataset(name: str, file: str, tables: Mapping[str, pa.Table], roles: Roles, origin: str) -> Dataset:
    """A data set of the table of each part, or of the only table; `file` is what messages call them all."""
    from pyarrow.types import is_dictionary

    first, *others = tables.values()
    used = roles.columns(first.column_names, file)
    parts = tuple(tables) if others else ()
    for part, table in zip(parts[1:], others, strict=True):
        require_columns(used, table.column_names, f"the {part} part of {file}")
    whole = concatenated([table.select(used) for table in tables.values()], file)
    source = Source(file, origin, tuple(map(len, tables.values())), parts)
    as_text = {*roles.named("categorical"), *roles.named("group")}
    coded = {name for table in tables.values() for name in used if is_dictionary(table.schema.field(name).type)}
    columns = [column_of(name, whole.column(name), file, name in as_text) for name in used]
    return tabulated(name, [declared(column) if column.name in coded else column for column in columns], roles, source)


def concatenated(tables: Sequence[pa.Table], file: str) -> pa.Table:
    """The rows of all tables; raises DataError where a column is of several types that do not mix."""
    import pyarrow as pa

    try:
        return pa.concat_tables(_decoded(tables), promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        told = " ".join(str(error).removeprefix("Unable to merge: ").split())
        raise DataError(
            f"the tables of {file} do not fit each other: {told}; write them with the same types"
        ) from error


def _decoded(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """The tables with dictionaries spelt out where another table has that column in another type."""
    from pyarrow.types import is_dictionary

    found = list(tables)
    for name in found[0].column_names:
        if len({table.schema.field(name).type for table in found}) > 1:
            for number, table in enumerate(found):
                kind = table.schema.field(name).type
                if is_dictionary(kind):
                    place = table.column_names.index(name)
                    found[number] = table.set_column(place, name, table.column(name).cast(kind.value_type))
    return found
