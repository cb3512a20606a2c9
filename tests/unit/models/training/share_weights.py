"""One of two processes: takes the first one's weights, and learns from both one's gradients."""

from __future__ import annotations

import torch
from torch import nn

from models.training.crew import join
from models.training.optimising import Optimiser, lay_channels_last

crew = join()
torch.manual_seed(crew.rank)  # others in each
wide, narrow = nn.Conv2d(2, 3, 3), nn.Conv2d(3, 1, 1)
network = nn.Sequential(wide, narrow, nn.BatchNorm2d(1))
lay_channels_last(network)
crew.broadcast([network])
taken = [round(float(p.double().sum()), 6) for p in network.parameters()]

optimiser = Optimiser([network], 0.1, (0.0, 0.99))
wide.weight.sum().mul(0.1 + 0.1 * crew.rank).backward()  # gradients of 0.1 and 0.2
narrow.weight.sum().backward()
optimiser.step(0.1)
moment = optimiser.adam.state[wide.weight]["exp_avg"]
crew.seed(5, 7)
drawn = [round(float(torch.rand(1)), 6)]
moved = [round(float(p.double().sum()), 6) for p in network.parameters()]
agreed = crew.agree(10.0 + crew.rank)
print(crew.rank, crew.count, taken, moved, float(moment.mean()), agreed, drawn, sep="|")
crew.leave()
