"""StyleMapGAN: networks, blends, the crop they were trained on, weights, training.

Knows nothing of cameras, processes or the product around it. This module imports nothing, so
that `models.crop` and `models.weights` stay free of torch.
"""
