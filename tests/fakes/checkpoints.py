"""Checkpoints as StyleMapGAN's authors' training saves them, with numbers that mean nothing."""

from __future__ import annotations

import argparse
import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

_LAYOUTS = Path(__file__).parents[1] / "unit/models/golden"
_KERNEL = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64

ARGUMENTS: dict[str, dict[str, Any]] = {
    "256_8_full": {
        "size": 256,
        "latent_spatial_size": 8,
        "channel_multiplier": 2,
        "small_generator": False,
        "dataset": "celeba_hq",
    },
    "1024_16_light": {
        "size": 1024,
        "latent_spatial_size": 16,
        "channel_multiplier": 2,
        "small_generator": True,
        "dataset": "ffhq",
    },
}
"""What `train_args` says of two released members, by the names of their layouts."""


def checkpoint(member: str, *, is_spread: bool = True) -> dict[str, Any]:
    """The whole dictionary: networks, averaged networks, optimisers, arguments.

    is_spread: each tensor is one stored number that stands everywhere in it, which makes a file of
    kilobytes; else every number is stored, in the averaged networks alone.
    """
    layout = json.loads((_LAYOUTS / f"state_dict_{member}.json").read_text())
    generator = torch.Generator().manual_seed(5)

    def state(kind: str, *, whole: bool = False) -> OrderedDict[str, torch.Tensor]:
        made: OrderedDict[str, torch.Tensor] = OrderedDict()
        for name, shape in layout[kind].items():
            if name.endswith(".kernel"):
                is_up = "decoder" in name  # these blurs make up for the zeros between pixels
                made[name] = _KERNEL * (4.0 if is_up else 1.0)
            elif whole:
                made[name] = torch.empty(shape).normal_(generator=generator)
            else:
                made[name] = torch.empty(1).normal_(generator=generator).expand(shape)
        return made

    arguments = argparse.Namespace(
        latent_channel_size=64, normalize_mode="LayerNorm", batch=16, lr=0.002, r1=10,
        mapping_layer_num=8, ckpt=None, lpips_loss_weight=1.0, **ARGUMENTS[member],
    )  # fmt: skip
    return {
        "generator": state("generator"),
        "discriminator": state("discriminator"),
        "encoder": state("encoder"),
        "g_ema": state("generator", whole=not is_spread),
        "e_ema": state("encoder", whole=not is_spread),
        "train_args": arguments,
        "e_optim": _optimiser(layout["encoder"]),
        "g_optim": _optimiser(layout["generator"]),
        "d_optim": _optimiser(layout["discriminator"]),
    }


def _optimiser(layout: dict[str, list[int]]) -> dict[str, Any]:
    """Adam's state, as torch saved it."""
    shapes = [shape for name, shape in layout.items() if not name.endswith(".kernel")]
    number = torch.zeros(1)
    moments = {
        at: {"step": 7, "exp_avg": number.expand(shape), "exp_avg_sq": number.expand(shape)}
        for at, shape in enumerate(shapes)
    }
    group = {"lr": 0.002, "betas": (0.0, 0.99), "eps": 1e-8, "params": list(range(len(shapes)))}
    return {"state": moments, "param_groups": [group]}
