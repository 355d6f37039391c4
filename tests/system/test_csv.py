"""A user's own table in one line, from the file to a finished run."""

from __future__ import annotations

from pathlib import Path

from maskbench.tracking.store import Store
from maskbench.tracking.table import runs_table
from tests.system.sweeps import STUDY, finish, finished, start


def test_a_table_with_gaps_and_categories_in_one_line(tmp_path: Path) -> None:
    lines = [f"{'' if n % 7 == 0 else n % 10},{('rome', 'oslo')[n % 2]},{('no', 'yes')[n % 10 > 4]}" for n in range(90)]
    (tmp_path / "churn.csv").write_text("\n".join(["age,city,left", *lines]))
    line = ("data=csv", "data.path=churn.csv", "data.target=left", f"study={STUDY}", "train.epochs=20")
    finish(start(tmp_path, "sweep", *line, "mask=none,bernoulli", "mask.rate=0.3"))
    assert len(finished(tmp_path)) == 2
    table = runs_table(Store(f"sqlite:///{tmp_path / 'mlflow.db'}", STUDY))
    assert set(table["data.path"]) == {"churn.csv"}
    assert table.loc[table["mask"] == "none", "test/accuracy"].item() > 0.7
