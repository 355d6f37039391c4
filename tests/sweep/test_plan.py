"""What a sweep decides to run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from maskbench.config.compose import Composer
from maskbench.errors import ConfigError
from maskbench.sweep.plan import Plan, expand, make_plan, planned, standing
from maskbench.tracking.known import Known
from maskbench.tracking.owner import this_process
from tests import helpers


@pytest.fixture(scope="module")
def composer() -> Composer:
    return helpers.composer()


def jobs(*overrides: str) -> list[tuple[str, ...]]:
    return list(expand(OverridesParser.create().parse_overrides(list(overrides))))


def plan_of(composer: Composer, *overrides: str) -> Plan:
    return make_plan(composer, jobs("data=wine", *overrides))


def names(plan: Plan) -> list[str]:
    return [run.identity.name for run in plan.runs]


def test_every_combination_once() -> None:
    assert jobs("a=1,2", "b=x,y") == [("a=1", "b=x"), ("a=1", "b=y"), ("a=2", "b=x"), ("a=2", "b=y")]
    assert jobs("seed=range(3)") == [("seed=0",), ("seed=1",), ("seed=2",)]


def test_a_later_override_replaces_an_earlier_sweep() -> None:
    assert jobs("mask=bernoulli,block", "seed=1,2", "mask=feature") == [
        ("mask=feature", "seed=1"),
        ("mask=feature", "seed=2"),
    ]


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


def test_a_sweep_is_one_study(composer: Composer) -> None:
    with pytest.raises(ConfigError, match="one study in one store"):
        plan_of(composer, "study=a,b")


@pytest.mark.parametrize(
    ("override", "says"), [("experiment=a,b", "experiment takes one choice"), ("train.lr=interval(0,1)", "only lists")]
)
def test_sweeps_that_cannot_be_are_refused(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        jobs(override)


def known(key: str, status: str, started: int, owner: str = "", code: str = "now") -> Known:
    return Known(f"{key}{started}", status, started, None, {"key": key, "owner": owner, "code": code})


def test_standing_tells_why_a_run_is_to_be_trained(composer: Composer) -> None:
    plan = plan_of(composer, "seed=range(6)")
    keys = [run.identity.key for run in plan.runs]
    store: Sequence[Known] = [
        known(keys[0], "FAILED", 0),
        known(keys[0], "FINISHED", 1, code="then"),
        known(keys[0], "FAILED", 2),
        known(keys[1], "FAILED", 0),
        known(keys[2], "RUNNING", 0, owner="nowhere/1/1.0"),
        known(keys[3], "RUNNING", 0, owner=this_process()),
        known(keys[4], "KILLED", 0),
        known("of another sweep", "FINISHED", 0),
    ]
    now = standing(plan, store, "now")
    assert now.counts == {"finished": 1, "failed": 1, "stale": 1, "running": 1, "killed": 1, "new": 1}
    assert [run.identity.key for run in now.finished] == keys[:1]
    assert [run.identity.key for run in now.todo] == keys[1:]
    assert now.other_code == 1
