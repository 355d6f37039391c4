"""What a sweep decides to run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from maskbench.config.compose import Composer
from maskbench.errors import ConfigError
from maskbench.sweep.exclude import Entry
from maskbench.sweep.expand import expand
from maskbench.sweep.plan import Grid, Plan, make_plans, only_states, planned, standing
from maskbench.tracking.known import Known
from maskbench.tracking.owner import this_process
from tests import helpers


@pytest.fixture(scope="module")
def composer() -> Composer:
    return helpers.composer()


def grid(*overrides: str, exclude: Sequence[Entry] = ()) -> Grid:
    return Grid(tuple(expand(OverridesParser.create().parse_overrides(list(overrides)))), exclude)


def plan_of(composer: Composer, *overrides: str, exclude: Sequence[Entry] = ()) -> Plan:
    (plan,) = make_plans(composer, [grid("data=wine", *overrides, exclude=exclude)])
    return plan


def names(plan: Plan) -> list[str]:
    return [run.identity.name for run in plan.runs]


def test_partners_come_first_and_are_shared(composer: Composer) -> None:
    plan = plan_of(composer, "mask=bernoulli,feature", "mask.rate=0.1,0.2", "seed=0,1")
    assert len(plan.runs) == 2 * 2 * 2 + 2
    assert plan.partners == 2
    seen: set[str] = set()
    for run in plan.runs:
        seen.add(run.identity.key)
        assert run.identity.pair_key in seen


def test_none_has_no_rate_and_is_planned_once(composer: Composer) -> None:
    plan = plan_of(composer, "mask=none,bernoulli", "mask.rate=0.1,0.2")
    assert names(plan) == ["wine mlp none s0", "wine mlp bernoulli 0.1 s0", "wine mlp bernoulli 0.2 s0"]
    assert (plan.duplicates, plan.partners) == (1, 0)


def test_a_partner_written_after_its_runs_is_no_duplicate(composer: Composer) -> None:
    plan = plan_of(composer, "mask=bernoulli,none", "mask.rate=0.1")
    assert names(plan) == ["wine mlp none s0", "wine mlp bernoulli 0.1 s0"]
    assert plan.runs[0].overrides == ("data=wine", "mask=none", "mask.rate=0.1")
    assert (plan.duplicates, plan.partners) == (0, 0)


def test_each_setting_but_the_mask_has_its_own_partner(composer: Composer) -> None:
    plan = plan_of(composer, "mask=bernoulli", "train.lr=0.1,0.01", "mask/fill=zero,mean")
    assert plan.partners == 2
    assert len(plan.runs) == 2 * 2 + 2


def test_overrides_compose_the_planned_run_again(composer: Composer) -> None:
    plan = plan_of(composer, "mask=gaussian_noise", "mask.fill.std=0.5", "mask/fill=noise", "train.epochs=3")
    for run in plan.runs:
        assert planned(composer, run.overrides).identity == run.identity
        told = run.under("s", "p")
        assert planned(composer, told.overrides) == told
        assert (told.config.tracking.sweep, told.config.tracking.parent) == ("s", "p")


def test_the_sweep_key_ignores_the_order(composer: Composer) -> None:
    one = plan_of(composer, "mask=bernoulli,feature", "seed=0,1")
    two = plan_of(composer, "seed=1,0", "mask=feature,bernoulli")
    other = plan_of(composer, "mask=bernoulli", "seed=0,1")
    assert one.key == two.key != other.key


def test_each_study_has_a_plan_of_its_own(composer: Composer) -> None:
    one, other = make_plans(
        composer,
        [
            grid("data=wine", "study=b,a", "mask=feature", "seed=0"),
            grid("data=wine", "study=b", "mask=feature,none", "seed=0,1"),
        ],
        only={"new"},
    )
    assert (one.study, len(one.runs), one.partners, one.duplicates) == ("b", 4, 0, 1)
    assert (other.study, len(other.runs), other.partners, other.duplicates) == ("a", 2, 1, 0)
    assert one.only == other.only == {"new"}
    for plan in (one, other):
        seen: set[str] = set()
        for run in plan.runs:
            seen.add(run.identity.key)
            assert run.identity.pair_key in seen
            assert run.config.study == plan.study


def test_a_sweep_is_in_one_store(composer: Composer) -> None:
    with pytest.raises(ConfigError, match="a sweep is in one store"):
        plan_of(composer, "tracking.uri=sqlite:///a.db,sqlite:///b.db")


def test_misfits_can_be_excluded(composer: Composer) -> None:
    overrides = ("data=wine,digits", "mask=block,feature")
    with pytest.raises(ConfigError, match="block"):
        plan_of(composer, *overrides)
    plan = plan_of(composer, *overrides, exclude=[{"data": "wine", "mask": "block"}])
    assert plan.excluded == 1
    assert sorted(names(plan)) == [
        "digits mlp block 0.3 s0",
        "digits mlp feature 0.3 s0",
        "digits mlp none s0",
        "wine mlp feature 0.3 s0",
        "wine mlp none s0",
    ]


def test_a_wrong_name_is_said_before_a_misfit_that_it_should_have_left_out(composer: Composer) -> None:
    with pytest.raises(ConfigError, match="'dta'"):
        plan_of(composer, "data=wine,digits", "mask=block", exclude=[{"dta": "wine"}])


def test_partners_are_added_only_where_a_run_is_left(composer: Composer) -> None:
    plan = plan_of(
        composer,
        "mask=feature,none",
        "seed=0,1",
        exclude=[{"mask": "feature", "seed": 1}, {"mask": "none"}, {"seed": 1}],
    )
    assert names(plan) == ["wine mlp none s0", "wine mlp feature 0.3 s0"]
    assert (plan.excluded, plan.partners, plan.warnings) == (3, 1, ())


def test_each_grid_has_its_own_exclusions(composer: Composer) -> None:
    grids = [
        grid("data=wine", "study=a", "seed=0,1", exclude=[{"seed": 1}, {"seed": 5}]),
        grid("data=wine", "study=b", "seed=0,1"),
        grid("data=wine", "study=c", exclude=[{"data": "wine"}]),
    ]
    one, other = make_plans(composer, grids)
    assert (len(one.runs), one.excluded, len(other.runs), other.excluded) == (1, 1, 2, 0)
    assert one.warnings == (
        "hydra.sweeper.exclude: no run has {seed: 5}, so it leaves out nothing",
        "study 'c': all its jobs are excluded",
    )
    assert other.warnings == ()


def test_something_must_be_left(composer: Composer) -> None:
    with pytest.raises(ConfigError, match="leaves out every run"):
        plan_of(composer, exclude=[{"data": "wine"}])


def known(key: str, status: str, started: int, owner: str = "", code: str = "now", reason: str = "") -> Known:
    tags = {"key": key, "owner": owner, "code": code} | ({"reason": reason} if reason else {})
    return Known(f"{key}{started}", status, started, None, tags)


@pytest.fixture(scope="module")
def of_all_kinds(composer: Composer) -> tuple[Plan, list[Known]]:
    """Six runs and a store in which no two stand alike."""
    plan = plan_of(composer, "seed=range(6)")
    keys = [run.identity.key for run in plan.runs]
    return plan, [
        known(keys[0], "FAILED", 0, reason="at first"),
        known(keys[0], "FINISHED", 1, code="then"),
        known(keys[0], "FAILED", 2),
        known(keys[1], "KILLED", 0),
        known(keys[1], "FAILED", 1, reason="no luck"),
        known(keys[2], "RUNNING", 0, owner="nowhere/1/1.0"),
        known(keys[3], "RUNNING", 0, owner=this_process()),
        known(keys[4], "KILLED", 0, reason="stopped"),
        known("of another sweep", "FINISHED", 0),
    ]


def test_standing_tells_why_a_run_is_to_be_trained(of_all_kinds: tuple[Plan, list[Known]]) -> None:
    plan, store = of_all_kinds
    keys = [run.identity.key for run in plan.runs]
    now = standing(plan, store, "now")
    assert now.counts == {"finished": 1, "failed": 1, "stale": 1, "running": 1, "killed": 1, "new": 1}
    assert [run.identity.key for run in now.finished] == keys[:1]
    assert [run.identity.key for run in now.todo] == keys[1:]
    assert now.other_code == 1
    assert now.left_out == 0
    assert [now.states[key] for key in keys] == ["finished", "failed", "stale", "running", "killed", "new"]
    assert now.reasons == {keys[1]: "no luck"}


@pytest.mark.parametrize(
    ("only", "places"),
    [
        ("failed", [1]),
        (["failed", "missing"], [1, 2, 4, 5]),
        ("new, stale", [2, 5]),
        ("killed", [4]),
        (["running"], [3]),
        ((), [1, 2, 3, 4, 5]),
        (None, [1, 2, 3, 4, 5]),
    ],
    ids=str,
)
def test_only_runs_that_stand_so_are_trained(
    of_all_kinds: tuple[Plan, list[Known]], only: object, places: list[int]
) -> None:
    plan, store = of_all_kinds
    now = standing(replace(plan, only=only_states(only)), store, "now")
    assert list(now.todo) == [plan.runs[place] for place in places]
    assert now.left_out == 5 - len(places)
    assert now.counts.total() == 6


@pytest.mark.parametrize(
    ("node", "says"),
    [
        ("fialed", "unknown word 'fialed'. Did you mean 'failed'? There are: new, failed"),
        (["new", "finished"], "unknown word 'finished'"),
        ("", "unknown word ''"),
        (3, "unknown word '3'"),
    ],
)
def test_other_words_are_refused(node: object, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        only_states(node)
