"""PSNR and SSIM against scikit-image's."""

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from iterun.ops.quality import psnr, ssim


def pair(*shape):
    draw = torch.Generator().manual_seed(0)
    truth = torch.rand(*shape, generator=draw) * 2 - 1
    return truth + 0.2 * torch.randn(*shape, generator=draw), truth


def test_psnr_is_scikit_images_for_every_picture():
    x, truth = pair(3, 1, 8, 8)

    wanted = [
        peak_signal_noise_ratio(t.numpy(), a.numpy(), data_range=2)
        for t, a in zip(truth, x, strict=True)
    ]

    assert psnr(x, truth).tolist() == pytest.approx(wanted, rel=1e-5)


def test_ssim_is_scikit_images_with_a_window_of_seven():
    x, truth = pair(2, 1, 8, 8)

    wanted = [
        structural_similarity(a[0].numpy(), t[0].numpy(), win_size=7, data_range=2)
        for a, t in zip(x, truth, strict=True)
    ]

    assert ssim(x, truth).tolist() == pytest.approx(wanted, rel=1e-5)


def test_a_perfect_picture_has_a_finite_psnr():
    truth = pair(1, 1, 8, 8)[1]

    assert psnr(truth, truth).item() == pytest.approx(126.02, abs=0.01)
    assert ssim(truth, truth).item() == pytest.approx(1)
