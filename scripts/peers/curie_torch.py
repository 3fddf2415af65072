"""What Curie draws and keeps, as PyTorch takes it: shared by same_masks.py and same_randoms.py."""

import curie_random
import numpy as np
import torch


def to_torch(array, dtype=torch.float32):
    """A kernel of Curie's (KRSC; input x output) or a bias in PyTorch's order of axes."""
    axes = (0, 3, 1, 2) if array.ndim == 4 else (1, 0) if array.ndim == 2 else (0,)
    return torch.from_numpy(np.ascontiguousarray(array.transpose(axes))).to(dtype)


def dropout(x, rate, seed, layer, step):
    """Dropout of (N, C, H, W) or (N, K) with the mask that Curie's layer number `layer` draws in one training step."""
    shape = (x.shape[0], *x.shape[2:], x.shape[1]) if x.dim() == 4 else tuple(x.shape)
    kept = curie_random.keep_mask(seed, layer, step, rate, int(np.prod(shape))).reshape(shape)
    mask = torch.from_numpy(kept).to(x.dtype).mul_(float(curie_random.dropout_scale(rate)))
    return x * (mask.permute(0, 3, 1, 2) if x.dim() == 4 else mask)
