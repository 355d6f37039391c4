"""Which jobs an entry leaves out."""

from __future__ import annotations

import re
from typing import Any

import pytest

from maskbench.config.compose import Composer
from maskbench.errors import ConfigError
from maskbench.sweep.exclude import entries_of, excluded_by, said
from tests import helpers


@pytest.fixture(scope="module")
def composer() -> Composer:
    return helpers.composer()


JOBS = (
    ("data=digits", "mask=block", "mask.rate=0.5", "model=mlp"),
    ("data=wine", "mask=block", "mask.rate=0.25", "model=mlp"),  # does not fit, and is not checked here
    ("data=wine", "mask=gaussian_noise", "mask.rate=1", "model=linear", "mask/schedule=cosine"),
    ("data=wine", "mask=none", "mask.rate=0.5", "train=default", "train.epochs=3", "evaluate.rates=[0.5]"),
)


@pytest.mark.parametrize(
    ("entry", "jobs"),
    [
        ({"mask": "block"}, [0, 1]),
        ({"mask": "block", "data": "wine"}, [1]),
        ({"mask": ["block", "none"], "data": ["wine", "digits"]}, [0, 1, 3]),
        ({"mask.rate": 0.5}, [0]),  # `none` has no rate, whatever its overrides say
        ({"mask.rate": 1}, [2]),
        ({"mask.rate": 1.0}, [2]),
        ({"mask.rate": "1"}, []),
        ({"mask.rate": [0.25, 0.5]}, [0, 1]),
        ({"mask.rate": None}, [3]),
        ({"mask/fill": "noise"}, [2]),
        ({"mask.fill": "noise"}, [2]),
        ({"mask.fill.std": [1]}, [2]),
        ({"mask/schedule": "cosine"}, [2]),
        ({"model.width": 128, "model": "mlp"}, [0, 1, 3]),
        ({"preprocess": "standard", "seed": 0, "study": "default"}, [0, 1, 2, 3]),
        ({"train": "default"}, [3]),  # its choices have no name of their own
        ({"train.epochs": 3}, [3]),
        ({"evaluate.rates": [0.5]}, [3]),
        ({"mask.compounding": False}, [0, 1, 2, 3]),
        ({"mask.compounding": 0}, []),
        ({"evaluate.corruptions.bernoulli": "bernoulli", "mask": "none"}, [3]),
    ],
    ids=str,
)
def test_a_job_with_all_settings_of_an_entry_is_left_out(
    composer: Composer, entry: dict[str, Any], jobs: list[int]
) -> None:
    drafts = [(job, composer.draft(job)) for job in JOBS]
    found = excluded_by(drafts, [{"seed": 99}, entry])
    assert [place for place, entries in enumerate(found) if entries] == jobs
    assert all(entries in ((), (1,)) for entries in found)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("dat", "no run has a setting 'dat'. Did you mean 'data'?"),
        ("rate", "'rate'. Did you mean 'mask.rate'?"),
        ("model.widht", "Did you mean 'model.width'?"),
        ("mask/fil", "Did you mean 'mask.fill'?"),
        ("experiment", "no run has a setting 'experiment'."),
        ("train", "no run has a setting 'train'."),
    ],
)
def test_a_name_that_no_job_has_is_refused(composer: Composer, name: str, says: str) -> None:
    drafts = [(job, composer.draft(job)) for job in JOBS[:2]]
    with pytest.raises(ConfigError, match=re.escape(says)):
        excluded_by(drafts, [{"mask": "block", name: 1}])


@pytest.mark.parametrize("node", [{"mask": "block"}, ["mask"], [[]], [{}], "mask=block", 3])
def test_what_is_no_list_of_settings_is_refused(node: object) -> None:
    with pytest.raises(ConfigError, match="give a list of settings"):
        entries_of(node)


def test_entries_are_read_and_said() -> None:
    assert entries_of(None) == ()
    assert entries_of([{"mask": "block"}]) == ({"mask": "block"},)
    assert said({"mask": "block", "mask.rate": [0.1, 0.2]}) == "{mask: block, mask.rate: [0.1, 0.2]}"
