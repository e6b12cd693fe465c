"""Weights on the 8-bit grid."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra: make test-all")

import torch

from training.quantise import LEVELS, best_scale
from training.rounding import rounded


def nearest(weight: torch.Tensor) -> torch.Tensor:
    scale = torch.as_tensor(best_scale(weight.numpy().T, LEVELS)[0])[:, None]
    return (weight / scale).round().clamp(-LEVELS, LEVELS) * scale


@pytest.fixture
def inputs() -> torch.Tensor:
    """Tokens (2 000, 96) whose dimensions go together in a few ways, as activations do."""
    torch.manual_seed(0)
    return torch.randn(2000, 8) @ torch.randn(8, 96) + 0.1 * torch.randn(2000, 96)


def test_a_products_output_loses_less_than_with_nearest_steps(inputs: torch.Tensor) -> None:
    weight = torch.randn(64, 96) * 0.05
    moment = (inputs.T @ inputs).double()
    exact = inputs @ weight.T
    lost = [float((inputs @ some.T - exact).square().mean()) for some in (rounded(weight, moment), nearest(weight))]
    assert lost[0] < lost[1] / 2


def test_quantising_finds_the_grid_again(inputs: torch.Tensor) -> None:
    weight = rounded(torch.randn(64, 96) * 0.05, (inputs.T @ inputs).double())
    scale = best_scale(weight.numpy().T, LEVELS)
    steps = weight.numpy().T / scale
    assert np.abs(steps - np.rint(steps)).max() < 1e-3
    assert np.abs(steps).max() <= LEVELS + 1e-3


def test_independent_inputs_are_rounded_to_the_nearest_step() -> None:
    weight = torch.randn(64, 96) * 0.05
    assert torch.allclose(rounded(weight, torch.eye(96, dtype=torch.float64)), nearest(weight), atol=1e-6)
