"""How far apart two sets of pictures are: Fréchet distance of their features.

The features are those of `FeatureDistance.pooled`, 320 numbers of an EfficientNet-Lite0. So the
distance is not the FID of papers, which is of Inception's features: the two cannot be compared,
nor can distances of unlike numbers of pictures, for few pictures raise it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Fréchet distance between the normal distributions fitted to two sets of features.

    Shapes: a [N, D], b [M, D], two or more each; N and M may be less than D.
    Returns: |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).
    Raises: ValueError if a set has less than two.
    Source: Heusel et al., NeurIPS 2017 (arXiv 1706.08500), equation 6.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"sets of {len(a)} and {len(b)} features have no spread, two is the least")
    mean_a, root_a = _moments(a)
    mean_b, root_b = _moments(b)
    # With C = R^T R, the trace of (C_a C_b)^(1/2) is the sum of the singular values of R_a R_b^T:
    # no square root of a matrix, and singular covariances are as good as others.
    shared = torch.linalg.svdvals(root_a @ root_b.mT).sum()
    spread = root_a.square().sum() + root_b.square().sum() - 2 * shared
    return float((mean_a - mean_b).square().sum() + spread.clamp_min(0.0))


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [D], and R [N, D] with R^T R the covariance."""
    x = x.detach().double().cpu()
    mean = x.mean(0)
    return mean, (x - mean) / (len(x) - 1) ** 0.5
