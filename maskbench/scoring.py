"""What a model in training finds hard: scores for masks that ask for them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from maskbench.errors import ConfigError

Loss = Callable[[Tensor, Tensor], Tensor]


def scores(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, of: str) -> Tensor:
    """Scores of a train batch without gradient and on the CPU: losses (B,) of a `sample`, or of each `cell`.

    A cell's score is |value x gradient of the loss| (Simonyan et al. 2014), summed over the channels
    of a pixel; a token's is the same for its embedding. The model is in evaluation mode meanwhile,
    so dropout draws nothing and statistics stay.
    """
    training = model.training
    model.eval()
    try:
        return _losses(model, loss, inputs, targets) if of == "sample" else _saliency(model, loss, inputs, targets)
    finally:
        model.train(training)


@torch.no_grad()
def _losses(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor) -> Tensor:
    one_by_one = torch.func.vmap(lambda output, target: loss(output[None], target[None]))
    return one_by_one(model(inputs), targets).cpu()


def _saliency(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor) -> Tensor:
    with torch.enable_grad():
        if inputs.is_floating_point():
            leaf = inputs.detach().clone().requires_grad_()
            value = loss(model(leaf), targets)
        else:
            leaf, value = _embedded(model, loss, inputs, targets)
        (gradient,) = torch.autograd.grad(value, leaf)
    found = (gradient * leaf).detach().abs().nan_to_num()  # what is not there has no say
    if inputs.ndim == 4:
        found = found.sum(1, keepdim=True)
    return (found if inputs.is_floating_point() else found.sum(-1)).cpu()


def _embedded(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(what the model's first embedding makes of the tokens, cut off from it, and the loss as its function)."""
    leaves: list[Tensor] = []

    def keep(module: nn.Module, args: object, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        return leaves[0]

    embedding = next((module for module in model.modules() if isinstance(module, nn.Embedding)), None)
    if embedding is None:
        raise ConfigError("tokens are scored through a torch.nn.Embedding, and the model has none; choose another mask")
    handle = embedding.register_forward_hook(keep)
    try:
        value = loss(model(inputs), targets)
    finally:
        handle.remove()
    return leaves[0], value
