"""What other libraries have to do the work of our masks with, each on the data that both take.

torchvision, torchaudio and timm have no build for torch on a CPU alone in the registry used here, and
albumentations takes one NumPy image at a time; they are left out. pygrinder takes NumPy arrays and
tensors; both are timed.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from maskbench.description import Features, Kind
from maskbench.masks.fills import Zero
from maskbench.masks.mask import Mask
from maskbench.masks.spans import BlockSeeds, FixedSpans

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter("ignore")
    import pygrinder
    from kornia import augmentation
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from torch_geometric.utils import mask_feature
    from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast
    from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices
    from transformers.utils.logging import set_verbosity_error
set_verbosity_error()

functional = torch.nn.functional
PACKAGES = ("torch", "torch_geometric", "kornia", "transformers", "pygrinder")
Action = Callable[[], object]
Work = Callable[[Tensor], object]
FLOATS: tuple[Kind, ...] = ("columns", "image", "sequence")


@dataclass(frozen=True)
class Peer:
    """A library's function, the mask it is compared with, and what both do when timed.

    `prepare` takes a batch and its features and gives the action to time. `ours` changes our mask
    where it does more or less than the peer as it ships, and `work` says so.
    """

    name: str
    mask: str
    kinds: tuple[Kind, ...]
    prepare: Callable[[Tensor, Features], Action]
    work: str = "hide and zero"
    ours: Callable[[Mask], Mask] = lambda mask: mask
    element: bool = False
    """Whether both draw a coin for each cell: ours is to be twice as fast."""
    channels: int = 1
    """The least number of channels of an image."""

    def takes(self, features: Features) -> bool:
        """Whether it is timed on such data."""
        return features.kind in self.kinds and (features.kind != "image" or features.shape[0] >= self.channels)


def plain(work: Work) -> Callable[[Tensor, Features], Action]:
    """For peers that take the tensor as it is."""
    return lambda inputs, _: lambda: work(inputs)


def in_numpy(work: Callable[[np.ndarray], object]) -> Callable[[Tensor, Features], Action]:
    """For peers that take arrays."""
    return lambda inputs, _: partial(work, inputs.numpy())


def zero_filled(mask: Mask) -> Mask:
    """The mask with zeros in the hidden cells."""
    return replace(mask, fill=Zero())


def _elements() -> list[Peer]:
    def shares(mask: str, kinds: tuple[Kind, ...], name: str, work: Work) -> Peer:
        return Peer(name, mask, kinds, plain(work), element=True)

    found = [
        shares("bernoulli", ("columns",), "torch_geometric mask_feature all", lambda x: mask_feature(x, 0.3, "all")),
        shares("input_dropout", FLOATS, "torch dropout", lambda x: functional.dropout(x, 0.2)),
        shares("hidden_dropout", FLOATS, "torch dropout", lambda x: functional.dropout(x, 0.5)),
        Peer("torch_geometric mask_feature col", "feature", ("columns",), plain(lambda x: mask_feature(x, 0.3, "col"))),
        Peer(
            "torch dropout2d", "channel_dropout", ("image",), plain(lambda x: functional.dropout2d(x, 0.5)), channels=2
        ),
        Peer(
            "kornia RandomChannelDropout",
            "channel_dropout",
            ("image",),
            plain(augmentation.RandomChannelDropout(1, p=1.0)),
            "hide and zero; theirs always one channel",
            channels=2,
        ),
    ]
    mcar = Peer("pygrinder mcar", "bernoulli", FLOATS, plain(lambda x: pygrinder.mcar(x, 0.3)), element=True)
    return found + _both(mcar, lambda x: pygrinder.mcar(x, 0.3))


def _both(peer: Peer, work: Callable[..., object]) -> list[Peer]:
    """A function of pygrinder on tensors and on arrays; it writes NaN."""
    work_named = peer.work if peer.work != "hide and zero" else "hide; theirs writes NaN, ours 0"
    return [
        replace(peer, name=f"{peer.name}, tensor", prepare=plain(work), work=work_named),
        replace(peer, name=f"{peer.name}, array", prepare=in_numpy(work), work=work_named),
    ]


def _missing() -> list[Peer]:
    def peers(name: str, mask: str, kinds: tuple[Kind, ...], act: Callable[..., object], **more: object) -> list[Peer]:
        return _both(Peer(f"pygrinder {name}", mask, kinds, plain(act), **more), act)  # type: ignore[arg-type]

    def block(mask: Mask) -> Mask:
        return replace(mask, pattern=BlockSeeds(3, 2))

    return [
        *peers("rdo", "rdo", FLOATS, lambda x: pygrinder.rdo(x, 0.3)),
        *peers(
            "mar_logistic",
            "mar_logistic",
            ("columns",),
            lambda x: pygrinder.mar_logistic(x + 0, 0.3, 0.3 / 0.7),  # on a copy: it writes into what it is given
            work="hide; theirs writes NaN, and fits its curves to each batch, ours once to the train part",
        ),
        *peers("mnar_x", "mnar_self", ("sequence",), lambda x: pygrinder.mnar_x(x, 0.5)),
        *peers(
            "seq_missing",
            "span_fixed",
            ("sequence",),
            lambda x: pygrinder.seq_missing(x, 0.3, 3),
            work="hide 0.3 in spans of 3 in each channel; theirs writes NaN, ours 0",
            ours=lambda mask: replace(mask, pattern=FixedSpans(length=3, separate=True), rate=0.3),
        ),
        *peers(
            "block_missing",
            "block_missing",
            ("sequence",),
            lambda x: pygrinder.block_missing(x, 0.15 / 7, 3, 2),
            work="hide 0.15 in blocks of 3 x 2; theirs writes NaN, ours 0",
            ours=block,
        ),
    ]


def _images() -> list[Peer]:
    def peer(name: str, mask: str, module: torch.nn.Module, **more: object) -> Peer:
        return Peer(f"kornia {name}", mask, ("image",), plain(module), **more)  # type: ignore[arg-type]

    noise = augmentation.RandomGaussianNoise(0.0, 1.0, p=1.0)
    return [
        peer(
            "RandomErasing",
            "random_erasing",
            augmentation.RandomErasing((0.1, 0.1), (0.3, 1 / 0.3), p=1.0),
            work="one rectangle of 0.1, zeros in it",
            ours=zero_filled,
        ),
        peer(
            "RandomErasing",
            "block",
            augmentation.RandomErasing((0.3, 0.3), (1.0, 1.0), p=1.0),
            work="one square of 0.3, zeros in it; theirs inside, ours clipped",
        ),
        peer(
            "RandomGaussianNoise",
            "gaussian_noise",
            noise,
            work="noise added to every cell",
            ours=lambda mask: replace(mask, rate=1.0),
        ),
        peer(
            "RandomSaltAndPepperNoise",
            "salt_pepper",
            augmentation.RandomSaltAndPepperNoise(0.05, 0.5, p=1.0),
            work="one pixel in 20 to an end of the range",
            element=True,
        ),
        peer(
            "RandomGaussianBlur",
            "local_blur",
            augmentation.RandomGaussianBlur((7, 7), (1.0, 1.0), p=1.0),
            work="blur; ours also hides a square and keeps the rest",
        ),
    ]


def _tokenizer(features: Features) -> PreTrainedTokenizerFast:
    """A tokenizer with the ids of our vocabulary, made without a download."""
    vocabulary = features.vocabulary
    assert vocabulary is not None
    begin, end = vocabulary.special
    names = {"pad": vocabulary.pad, "unk": vocabulary.unknown, "cls": begin, "sep": end, "mask": vocabulary.mask}
    ids = {f"w{number}": number for number in range(vocabulary.size) if number not in names.values()}
    ids |= {f"[{name}]": number for name, number in names.items()}
    words = Tokenizer(WordLevel(ids, unk_token="[unk]"))
    return PreTrainedTokenizerFast(tokenizer_object=words, **{f"{name}_token": f"[{name}]" for name in names})


def _collator(whole_word: bool, arrays: bool) -> Callable[[Tensor, Features], Action]:
    """BERT's masking of transformers; which tokens are special, and where words begin, is found beforehand."""

    def prepare(tokens: Tensor, features: Features) -> Action:
        vocabulary = features.vocabulary
        assert vocabulary is not None
        special = torch.isin(tokens, torch.tensor(vocabulary.reserved))
        starts = 2 * torch.arange(tokens.shape[1]).expand_as(tokens)
        joined = torch.isin(tokens, torch.tensor(vocabulary.continues))
        offsets = torch.stack([starts - joined.int(), starts + 1], 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            collator = DataCollatorForLanguageModeling(
                _tokenizer(features), whole_word_mask=whole_word, return_tensors="np" if arrays else "pt"
            )
        if arrays:
            ids, flags, places = tokens.numpy(), special.numpy(), offsets.numpy()
            return lambda: collator.numpy_mask_tokens(ids.copy(), flags, places)
        return lambda: collator.torch_mask_tokens(tokens.clone(), special, offsets)

    return prepare


def _sequences() -> list[Peer]:
    def spans(inputs: Tensor, features: Features) -> Action:
        def act() -> Tensor:
            hidden = torch.from_numpy(_compute_mask_indices(tuple(inputs.shape[:2]), 0.65, 3))
            return inputs.masked_fill(hidden[..., None], 0.0)

        return act

    found = [Peer("transformers _compute_mask_indices", "span_fixed", ("sequence",), spans, "hide steps and zero")]
    for mask, whole_word in (("bert", False), ("whole_word", True)):
        for arrays in (False, True):
            name = f"transformers collator, {'array' if arrays else 'tensor'}"
            work = "hide and replace; theirs is told which tokens are special, and makes labels"
            prepare = _collator(whole_word, arrays)
            found.append(Peer(name, mask, ("tokens",), prepare, work, element=not whole_word))
    return found


def peers() -> list[Peer]:
    """All of them."""
    return [*_elements(), *_missing(), *_images(), *_sequences()]


def versions() -> str:
    """Their names and versions in one line."""
    return ", ".join(f"{name} {version(name)}" for name in PACKAGES)
