"""The processes that train together, one a GPU, as torchrun starts them; or one alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

from models.networks import use_kernels


@dataclass(frozen=True, slots=True)
class Crew:
    """This process among the others."""

    device: torch.device
    rank: int
    count: int

    def seed(self, seed: int, step: int) -> None:
        """Make what torch draws in a step depend on seed, process and step alone."""
        torch.manual_seed(hash((seed, self.rank, step)))

    def broadcast(self, networks: Iterable[nn.Module]) -> None:
        """Give all processes the first one's weights."""
        if self.count > 1:
            for network in networks:
                for tensor in network.state_dict().values():
                    dist.broadcast(tensor, 0)

    def agree(self, value: float) -> float:
        """The first process's value; waits for the others."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)

    def wait(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def leave(self) -> None:
        """Part from the others."""
        if self.count > 1 and dist.is_initialized():
            dist.destroy_process_group()


def join() -> Crew:
    """Meet the other processes, if torchrun started any."""
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if not torch.cuda.is_available():
        device = torch.device("cpu")
        if count > 1:
            dist.init_process_group("gloo")
        return Crew(device, rank, count)
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    from models.training.kernels import KERNELS  # Triton is there where CUDA is

    use_kernels(KERNELS)
    if count > 1:
        dist.init_process_group("nccl", device_id=device)
    return Crew(device, rank, count)
