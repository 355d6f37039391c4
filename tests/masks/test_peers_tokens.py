"""BERT's mask and dropout on the input against transformers, torch and torch_geometric.

What is said of the versions of others is said of those installed here; a test that fails after an
upgrade tells that the statement no longer holds.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import stats

from maskbench.description import Features, Vocabulary
from maskbench.masks.bernoulli import Bernoulli
from maskbench.masks.contract import Context
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask, Masked
from maskbench.masks.token_fills import MaskToken
from tests.helpers import generator

SPECIAL = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
WORDS = 45
VOCABULARY = Vocabulary(50, pad=0, mask=4, unknown=1, special=(2, 3))
RATE, SHARES = 0.15, (0.8, 0.1, 0.1)
TOKEN = 9


@pytest.fixture(scope="module")
def transformers() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def tokenizer(transformers):
    """Fifty ids, the first five special, made without a download."""
    tokenizers = pytest.importorskip("tokenizers")
    ids = SPECIAL | {f"w{number}": number + 5 for number in range(WORDS)}
    names = {f"{key}_token": token for key, token in zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL, strict=True)}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="[UNK]"))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=model, **names)


@pytest.fixture
def global_stream() -> Iterator[None]:
    """Peers without a generator argument draw from torch's own, which is put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def texts(batch: int, length: int, pads: int = 3) -> torch.Tensor:
    """Begin, one and the same word, end, padding."""
    tokens = torch.full((batch, length + 2 + pads), TOKEN)
    tokens[:, 0], tokens[:, length + 1], tokens[:, length + 2 :] = 2, 3, 0
    return tokens


def ours(tokens: torch.Tensor, seed: int = 0) -> Masked:
    features = Features("tokens", tuple(tokens.shape[1:]), VOCABULARY)
    return Mask(Bernoulli(), MaskToken(*SHARES), RATE).fit(Context(tokens, features))(tokens, generator(seed))


def theirs(transformers, tokenizer, tokens: torch.Tensor, seed: int | None = 1, **settings) -> dict[str, torch.Tensor]:
    collator = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=RATE, seed=seed, **settings)
    return collator([{"input_ids": row} for row in tokens.tolist()])


def within(found: float, share: float, count: int) -> bool:
    return abs(found - share) <= 5 * math.sqrt(share * (1 - share) / count)


def test_the_bert_mask_hides_masks_and_replaces_as_transformers_does(transformers, tokenizer):
    """Same law: counts of hidden, masked, replaced and untouched tokens of both, in one table."""
    tokens = texts(8000, 10)
    text = tokens == TOKEN
    mine, peer = ours(tokens), theirs(transformers, tokenizer, tokens)
    tables = []
    for inputs, hidden in ((mine.inputs, mine.hidden), (peer["input_ids"], peer["labels"] != -100)):
        assert not (hidden & ~text).any()
        assert torch.equal(inputs[~hidden], tokens[~hidden])
        masked = (hidden & (inputs == 4)).sum().item()
        assert within(hidden[text].double().mean().item(), RATE, int(text.sum()))
        assert within(masked / hidden.sum().item(), SHARES[0], int(hidden.sum()))
        tables.append(np.bincount(hidden.sum(1), minlength=11))
        untouched = tables[-1][0] / len(tokens)
        assert within(untouched, (1 - RATE) ** 10, len(tokens))  # 19.7 %
    pooled = [np.append(table[:5], table[5:].sum()) for table in tables]
    assert stats.chi2_contingency(pooled).pvalue > 1e-6


def test_random_ids_of_transformers_are_special_at_times_and_ours_never(transformers, tokenizer):
    """5 of its 50 ids are special: one random id in ten here; of 30,522 ids of BERT it would be 1 in 6,000."""
    tokens = texts(8000, 20)
    mine, peer = ours(tokens), theirs(transformers, tokenizer, tokens)
    inputs, hidden = peer["input_ids"], peer["labels"] != -100
    changed = inputs[hidden & (inputs != TOKEN)]
    specials = torch.isin(changed, torch.tensor([0, 2, 3])).sum().item()
    drawn = 0.1 * hidden.sum().item()
    assert within(specials / drawn, 3 / 50, int(drawn))
    own = mine.inputs[mine.hidden]
    assert not torch.isin(own, torch.tensor([0, 2, 3])).any()
    for found, ids in ((own, 46), (inputs[hidden], 50)):  # both may draw the token that was there
        kept = SHARES[2] + SHARES[1] / ids
        assert within((found == TOKEN).double().mean().item(), kept, len(found))


def test_seed_0_is_a_seed_of_transformers_and_of_ours(transformers, tokenizer):
    tokens = texts(200, 20)
    for draw in (
        lambda seed: theirs(transformers, tokenizer, tokens, seed)["input_ids"],
        lambda seed: ours(tokens, seed).inputs,
    ):
        assert torch.equal(draw(0), draw(0))
        assert not torch.equal(draw(0), draw(1))


def test_whole_words_of_transformers_allow_the_mask_token_only(transformers, tokenizer):
    with pytest.warns(UserWarning, match="Random token replacement is not supported with whole word masking"):
        collator = transformers.DataCollatorForLanguageModeling(tokenizer, whole_word_mask=True, seed=1)
    assert (collator.mask_replace_prob, collator.random_replace_prob) == (1, 0)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_input_dropout_has_the_law_of_torchs(rate, global_stream):
    inputs = torch.full((8192, 12), 2.0)
    mask = Mask(Bernoulli(), Zero(), rate, rescale="inverted").fit(Context(inputs, Features("columns", (12,))))
    mine, peer = mask(inputs, generator(0)).inputs, torch.nn.functional.dropout(inputs, rate)
    tables = []
    for found in (mine, peer):
        assert set((found / 2 * (1 - rate)).round(decimals=5).unique().tolist()) == {0.0, 1.0}
        assert within((found == 0).double().mean().item(), rate, found.numel())
        spread = 2 * math.sqrt(rate / (1 - rate))
        assert abs(found.double().mean().item() - 2) <= 5 * spread / math.sqrt(found.numel())
        assert found.double().std().item() == pytest.approx(spread, rel=0.02)
        tables.append(np.bincount((found == 0).sum(1), minlength=13))
    kept = np.min(tables, axis=0) >= 5
    pooled = [np.append(table[kept], table[~kept].sum() + 1) for table in tables]
    assert stats.chi2_contingency(pooled).pvalue > 1e-6


@pytest.fixture
def mask_feature():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch_geometric.utils").mask_feature


@pytest.mark.parametrize(("shared", "mode"), [(False, "all"), (True, "col")])
def test_coins_have_the_law_of_torch_geometrics(shared, mode, mask_feature, global_stream):
    inputs, rows = torch.ones(64, 10), Features("columns", (10,))
    masking, stream = Mask(Bernoulli(shared=shared), Zero(), 0.3).fit(Context(inputs, rows)), generator(0)
    mine = [masking(inputs, stream).inputs for _ in range(300)]
    peer = [mask_feature(inputs, 0.3, mode)[0] for _ in range(300)]
    tables = []
    for drawn in (mine, peer):
        zeros = torch.stack(drawn) == 0
        assert bool((zeros == zeros[:, :1]).all()) == shared
        independent = zeros[:, 0] if shared else zeros.flatten(0, 1)
        assert within(independent.double().mean().item(), 0.3, independent.numel())
        tables.append(np.bincount(independent.sum(1), minlength=11))
    pooled = [np.append(table[:6], table[6:].sum()) for table in tables]
    assert stats.chi2_contingency(pooled).pvalue > 1e-6


def test_half_precision_biases_torch_geometric_and_not_ours(mask_feature, global_stream):
    """It draws in the type of the inputs: at p = 0.001 three times too many cells are hidden in bfloat16."""
    inputs = torch.ones(2048, 512, dtype=torch.bfloat16)
    peer = (mask_feature(inputs, 0.001, "all")[0] == 0).double().mean().item()
    masking = Mask(Bernoulli(), Zero(), 0.001).fit(Context(inputs, Features("columns", (512,))))
    mine = (masking(inputs, generator(0)).inputs == 0).double().mean().item()
    assert peer > 0.0025
    assert within(mine, 0.001, inputs.numel())
