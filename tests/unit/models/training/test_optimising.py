"""The learning rate, the moving average, the optimiser."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.training.optimising import Average, Optimiser, lay_channels_last, rate_at


def test_the_rate_rises_holds_and_falls() -> None:
    """From 0 evenly to lr, constant, then exponentially to final_lr at the end."""

    def rate(progress: float) -> float:
        return rate_at(progress, warm_up=0.1, lr=0.002, final_lr=0.0002, hold=0.5)

    assert rate(0.0) == 0
    assert rate(0.05) == pytest.approx(0.001)
    assert rate(0.1) == rate(0.5) == pytest.approx(0.002)
    assert rate(0.75) == pytest.approx((0.002 * 0.0002) ** 0.5)
    assert rate(1.0) == pytest.approx(0.0002)
    rates = [rate(0.5 + k / 20) for k in range(11)]
    assert rates == sorted(rates, reverse=True)
    assert rate_at(0.0, 0.0, 0.002, 0.001, 1.0) == rate_at(1.0, 0.0, 0.002, 0.001, 1.0) == 0.002


def test_an_average_forgets_half_in_its_half_life() -> None:
    """After so many pictures it is half way to the current weights, in one update or ten."""
    networks = nn.Linear(2, 3), nn.Linear(3, 1)
    averages = Average(*networks), Average(*networks)
    before = averages[0].encoder.weight.clone()
    with torch.no_grad():
        networks[0].weight += 1.0
    averages[0].update(1000, half_life=1000.0)
    for _ in range(10):
        averages[1].update(100, half_life=1000.0)
    for average in averages:
        assert torch.allclose(average.encoder.weight, before + 0.5, atol=1e-5)
        for parameter in (*average.encoder.parameters(), *average.generator.parameters()):
            assert not parameter.requires_grad  # no graph grows behind it
    assert torch.equal(averages[0].generator.weight, networks[1].weight)


def test_an_optimiser_steps_and_forgets() -> None:
    """A step moves each weight by about the rate against its gradient, and leaves no gradient."""
    network = nn.Linear(3, 1)
    optimiser = Optimiser([network], 0.5, (0.0, 0.99))
    before = network.weight.detach().clone()
    network(torch.ones(1, 3)).sum().backward()
    optimiser.step(0.01)
    assert torch.allclose(network.weight, before - 0.01, atol=1e-5)
    assert network.weight.grad is None
    network(torch.ones(1, 3)).sum().backward()
    optimiser.forget()
    after = network.weight.detach().clone()
    optimiser.step(0.01)  # of nothing
    assert torch.equal(network.weight, after)


def test_one_wild_batch_does_not_fill_the_moments() -> None:
    """Gradients are clipped by their common norm before Adam sees them."""
    network = nn.Linear(3, 1, bias=False)
    optimiser = Optimiser([network], 0.1, (0.0, 0.99))
    (network(torch.ones(1, 3)) * 1e6).sum().backward()
    optimiser.step(0.1)
    square = optimiser.adam.state[network.weight]["exp_avg_sq"] / 0.01
    assert float(square.sum()) == pytest.approx(100.0, rel=1e-3)


def test_convolutions_lie_channels_last() -> None:
    """Weights of convolutions change their layout, not their values; others stay."""
    conv, linear = nn.Conv2d(4, 5, 3), nn.Linear(2, 2)
    network = nn.Sequential(conv, linear)
    before = conv.weight.detach().clone()
    lay_channels_last(network)
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(conv.weight, before)
    assert linear.weight.is_contiguous()
