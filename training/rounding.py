"""Weights on the 8-bit grid, each rounding made up for by the weights that are still to be rounded.

Rounding a weight to the nearest step is the best for that weight alone. What a product's output loses can be much less
if the other weights of the column move a little with it, in proportion to how their inputs go together on real texts
(GPTQ, Frantar et al. 2023; optimal brain surgeon, Hassibi and Stork 1992).
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel

from training.quantise import LEVELS, SMALLEST, best_scale

DAMPING = 0.01
"""Added to each input's mean square, as a share of the average one: inputs that hardly vary decide nothing."""


def round_to_grid(model: PreTrainedModel, batches: list[dict[str, Any]]) -> None:
    """Move the weights of every product in the encoder to the grid of `training.quantise`, in place.

    Args:
        model: A BERT for sequence classification, as it would be exported.
        batches: Tokens of some hundred texts like those that the model will read.
    """
    products = [
        module
        for module in model.bert.encoder.modules()
        if isinstance(module, torch.nn.Linear) and min(module.weight.shape) >= SMALLEST
    ]
    moments = _second_moments(model, products, batches)
    with torch.no_grad():
        for product in products:
            product.weight.copy_(rounded(product.weight, moments[product]))


def _second_moments(
    model: PreTrainedModel, products: list[torch.nn.Linear], batches: list[dict[str, Any]]
) -> dict[torch.nn.Module, torch.Tensor]:
    """Sums over all tokens of x xᵀ, x being the input of each product."""
    found: dict[torch.nn.Module, torch.Tensor] = {}
    mask = torch.zeros(0)

    def add(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        some = inputs[0][mask].double()
        found[module] = found.get(module, 0) + some.T @ some

    hooks = [product.register_forward_pre_hook(add) for product in products]
    with torch.inference_mode():
        for batch in batches:
            mask = batch["attention_mask"].bool()
            model(**batch)
    for hook in hooks:
        hook.remove()
    return found


def rounded(weight: torch.Tensor, moment: torch.Tensor) -> torch.Tensor:
    """A weight (outputs, inputs) on the grid, given its inputs' second moments (inputs, inputs)."""
    scale = torch.as_tensor(best_scale(weight.detach().numpy().T, LEVELS)[0], dtype=torch.float64)
    damped = moment + DAMPING * moment.diagonal().mean() * torch.eye(len(moment), dtype=torch.float64)
    order = torch.argsort(damped.diagonal(), descending=True)
    inverse = torch.linalg.inv(damped[order][:, order])
    factor = torch.linalg.cholesky(inverse, upper=True)
    left, whole = weight.detach().double()[:, order], torch.zeros(weight.shape, dtype=torch.float64)
    for i in range(len(order)):
        whole[:, i] = (left[:, i] / scale).round().clamp(-LEVELS, LEVELS)
        error = (left[:, i] - whole[:, i] * scale) / factor[i, i]
        left[:, i + 1 :] -= error[:, None] * factor[i, i + 1 :]
    return (whole[:, torch.argsort(order)] * scale[:, None]).float()
