"""How near pictures in [-1, 1] are to the true ones: PSNR and SSIM, one number a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

RANGE = 2.0  #: from black to white
WINDOW = 7  #: pixels a side, of SSIM
FLOOR = 1e-12  #: of the mean square: what single precision leaves, so that no PSNR is infinite


def psnr(x: Tensor, truth: Tensor) -> Tensor:
    """10 lg(range² / mean square difference), dB, (n,); at most 126."""
    square = (x - truth).square().flatten(1).mean(1).clamp_min(FLOOR)
    return 10 * torch.log10(RANGE**2 / square)


def ssim(x: Tensor, truth: Tensor) -> Tensor:
    """scikit-image's structural similarity, (n,), the channels averaged."""
    from skimage.metrics import structural_similarity

    window = min(WINDOW, *x.shape[2:])
    found = [
        structural_similarity(
            a, b, win_size=window - (window + 1) % 2, data_range=RANGE, channel_axis=0
        )
        for a, b in zip(x.cpu().numpy(), truth.cpu().numpy(), strict=True)
    ]
    return torch.tensor(found)


def means(x: Tensor, truth: Tensor, suffix: str = "") -> dict[str, float]:
    """Both, averaged over the pictures, as metrics."""
    return {
        f"psnr{suffix}": float(psnr(x, truth).mean()),
        f"ssim{suffix}": float(ssim(x, truth).mean()),
    }
