"""Mean of word vectors."""

from __future__ import annotations

from torch import nn

from maskbench.description import Description
from maskbench.models.steps import Average, Embedded


def embedding_bag(description: Description, width: int = 64, dropout: float = 0.0) -> nn.Module:
    """One affine map of the tokens' mean vector, the classifier of Joulin et al. 2017 (arXiv:1607.01759).

    Word order has no say: their bigrams are left out. ValueError for sizes that cannot be.
    """
    if width < 1:
        raise ValueError(f"an embedding_bag has width of at least 1, not {width}; set model.width")
    head = nn.Linear(width, description.outputs)
    return nn.Sequential(Embedded(description.features, width), Average(), nn.Dropout(dropout), head)
