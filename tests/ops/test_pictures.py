"""Grids, contact sheets, animations and curves."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from iterun.ops.pictures import PAPER, contact_sheet, grid, quality_curve, write_gif


def test_a_grid_magnifies_without_smoothing_and_leaves_a_gap():
    pictures = torch.tensor([0.0, 1.0, 0.5]).reshape(3, 1, 1, 1).expand(3, 1, 2, 2)

    sheet = grid(pictures, 2, magnify=3)

    assert sheet.shape == (13, 13)
    assert sheet.dtype == np.uint8
    assert set(sheet[:6, :6].flat) == {0}
    assert set(sheet[:6, 7:].flat) == {255}
    assert set(sheet[7:, :6].flat) == {128}
    assert set(sheet[6].flat) == set(sheet[7:, 7:].flat) == {PAPER}


def test_colors_stay_and_what_is_no_number_is_black():
    pictures = np.zeros((1, 3, 1, 1), np.float32)
    pictures[0, 0] = np.nan
    pictures[0, 1] = 2.0

    assert grid(pictures, 1, magnify=1).tolist() == [[[0, 255, 0]]]


def test_a_sheet_has_a_row_for_each_set():
    rows = [torch.zeros(3, 1, 2, 2), torch.ones(2, 1, 2, 2)]

    sheet = contact_sheet(rows, magnify=1)

    assert sheet.shape == (5, 8)
    assert sheet[3].tolist() == [255, 255, PAPER, 255, 255, PAPER, PAPER, PAPER]


def test_a_sheet_says_to_the_left_what_each_row_is():
    rows = [torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)]
    bare = contact_sheet(rows, magnify=5)

    sheet = contact_sheet(rows, ["a", "longer"], magnify=5)

    margin = sheet[:, : -bare.shape[1]]
    assert np.array_equal(sheet[:, margin.shape[1] :], bare)
    inked = [int((part > PAPER).any(axis=(0, 2)).sum()) for part in (margin[:20], margin[21:])]
    assert 0 < inked[0] < inked[1] < margin.shape[1]  # nothing is cut off at the side


def test_an_animation_has_a_frame_for_each_grid(tmp_path):
    frames = [np.full((4, 5), value, np.uint8) for value in (0, 100, 200)]

    write_gif(tmp_path / "a.gif", frames, ms=150)

    with Image.open(tmp_path / "a.gif") as found:
        assert (found.n_frames, found.size, found.info["duration"]) == (3, (5, 4), 150)


def test_a_curve_marks_the_counts_that_were_measured():
    figure = quality_curve(
        {"a": [(1, 10.0), (8, 2.0)], "b": []}, x="calls", y="FD", log="xy", levels={"floor": 1.0}
    )

    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b", "floor 1"]
    assert list(axes.get_xticks()) == [1, 8]
