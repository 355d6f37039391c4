"""What a person sees of a plan."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import pytest
from rich.console import Console

from maskbench.config.identity import code_version, work
from maskbench.sweep.overview import look, look_at_all, plan_lines, run_lines
from maskbench.sweep.plan import Grid, Plan, Standing, make_plans
from maskbench.tracking.store import Store
from maskbench.tracking.writer import RunWriter
from tests import helpers


@pytest.fixture(scope="module")
def plans() -> list[Plan]:
    """Three runs in each of two studies."""
    jobs = [("data=wine", "mask=feature", f"mask.rate={rate}", f"study={name}") for name in "ab" for rate in (0.1, 0.2)]
    return make_plans(helpers.composer(), [Grid(jobs)])


def test_a_plan_in_a_few_lines(plans: list[Plan]) -> None:
    now = Standing(plans[0].runs, (), Counter(new=3), 0)
    assert list(plan_lines(plans[0], now, "a", "here")) == [
        "study 'a' in here",
        "3 runs: 3 new",
        "1 unmasked partner added, 0 duplicates removed",
        "to train: 3",
    ]


def test_all_that_can_be_said(plans: list[Plan]) -> None:
    plan = replace(plans[0], duplicates=1, partners=2, excluded=1, only=frozenset({"new"}), warnings=("beware",))
    counts = Counter(new=1, finished=2, failed=3, killed=4, stale=5, running=6000)
    now = Standing(plan.runs, (), counts, other_code=2, left_out=7)
    assert list(plan_lines(plan, now, "a", "here"))[1:] == [
        "3 runs: 3 failed, 2 finished, 4 killed, 1 new, 6,000 running elsewhere, 5 stale",
        "2 unmasked partners added, 1 duplicate removed, 1 combination excluded, 7 unfinished runs left out by --only",
        "warning: beware",
        "warning: 2 finished runs of another version of the code kept",
        "to train: 3",
    ]


def test_every_run_is_listed_with_its_state(plans: list[Plan]) -> None:
    one, two, three = keys = [run.identity.key for run in plans[0].runs]
    states = dict(zip(keys, ("finished", "failed", "new"), strict=True))
    now = Standing((), (), Counter(), 0, 0, states, {two: "no luck"})
    assert list(run_lines(plans[0], now)) == [
        f"  finished {one} wine mlp none s0",
        f"  failed   {two} wine mlp feature 0.1 s0: no luck",
        f"  new      {three} wine mlp feature 0.2 s0",
    ]


def test_a_plan_beside_its_store(plans: list[Plan], uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    both = [replace(plan, uri=uri) for plan in plans]
    run = both[0].runs[0]
    store = Store(uri, "a")
    writer = store.claim(run.identity, 1, {"code": code_version(), "work": work(run.config)})
    assert isinstance(writer, RunWriter)
    store.client.set_terminated(writer.run_id, "FINISHED", store.client.get_run(writer.run_id).info.start_time + 60_000)

    console = Console(file=io.StringIO())
    found, now = look(both[0], console, 2)
    assert (found.location.uri, len(now.finished), len(now.todo)) == (uri, 1, 2)
    printed = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert printed[-2:] == ["to train: 2", "estimated time: 1 min with 2 workers (from 1 finished run alike)"]

    seen = look_at_all(both, 5, list_runs=True)
    assert [len(one.now.todo) for one in seen] == [2, 3]
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("  finished ") for line in lines) == 1
    assert sum(line.startswith("  new ") for line in lines) == 5
    assert lines[-2] == "all 2 studies: 5 to train"
    assert lines[-1].startswith("estimated time: 1 min with 5 workers")


def test_one_study_needs_no_sum(plans: list[Plan], uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    look_at_all([replace(plans[0], uri=uri)], 1, list_runs=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "estimated time: unknown until the first runs have finished"
    assert sum(line.startswith("estimated") for line in lines) == 1
