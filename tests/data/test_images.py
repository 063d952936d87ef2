"""Published sets of pictures: local folders of three kinds, and the hub on the loopback interface.

`datasets` reads HF_ENDPOINT when it is imported, so that the hub has a process of its own.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from iterun.data import images
from iterun.data.image_files import middle, random_part
from iterun.errors import ConfigError
from iterun.types import ImageDataset

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from hub_server import Repository, serving

pytest.importorskip("datasets")
SIZES = {"train": 12, "test": 5}


def picture(seed: int, shape: tuple[int, ...] = (32, 32, 3), form: str = "PNG") -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def parquet(
    n: int, column: str = "img", shape: tuple[int, ...] = (32, 32, 3), **labels: int | str | None
) -> bytes:
    """Columns of classes by name, of so many classes or all of one; as it is, `label` of ten."""
    import pyarrow
    import pyarrow.parquet

    cells = [{"bytes": picture(i, shape), "path": f"{i}.png"} for i in range(n)]
    classes = {
        name: [i % k if isinstance(k, int) else k for i in range(n)]
        for name, k in (labels or {"label": 10}).items()
    }
    table = pyarrow.table({column: cells} | classes)
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """CIFAR-10 in little, as parquet files."""
    (tmp_path / "data").mkdir()
    for split, n in SIZES.items():
        (tmp_path / "data" / f"{split}-00000-of-00001.parquet").write_bytes(parquet(n))
    return tmp_path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """ImageNet in little: two classes, pictures of several sizes and modes."""
    for split, n in (("train", 4), ("val", 2)):
        for label, name in enumerate(("n01", "n02")):
            place = tmp_path / split / name
            place.mkdir(parents=True)
            for i in range(n):
                shape = (240 + i, 300) if i == 1 else (300, 250, 3)
                (place / f"{i}.JPEG").write_bytes(picture(10 * label + i, shape, "JPEG"))
    return tmp_path


def whole(split) -> tuple[torch.Tensor, torch.Tensor]:
    return split.batch(torch.arange(len(split)))


def pixels_of(seed: int) -> torch.Tensor:
    stored = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    mean, std = images.CIFAR10.normalize.mean, images.CIFAR10.normalize.std
    return torch.from_numpy((stored / 255 - mean) / std).permute(2, 0, 1).float()


def check_cifar(data) -> None:
    pixels, classes = whole(data.train)
    assert (len(data.train), len(data.dev), len(data.test)) == (12, 0, 5)
    assert classes.tolist() == [i % 10 for i in range(12)]
    for seed in (0, 11):
        torch.testing.assert_close(pixels[seed], pixels_of(seed), rtol=1e-4, atol=1e-4)


def test_cifar10_out_of_a_folder_of_parquet_files(folder):
    data = images.cifar10(path=str(folder))

    check_cifar(data)
    assert isinstance(data, ImageDataset)
    drawn = data.train.batch(torch.arange(12), torch.Generator().manual_seed(0))[0]
    assert not torch.equal(drawn, whole(data.train)[0])
    assert len(images.cifar10(path=str(folder), dev=3).dev) == 3


def test_cifar10_out_of_a_folder_that_datasets_saved(folder, tmp_path):
    import datasets

    saved = datasets.DatasetDict(
        {
            split: datasets.Dataset.from_dict(
                {
                    "img": [{"bytes": picture(i), "path": None} for i in range(n)],
                    "label": [i % 10 for i in range(n)],
                },
                features=datasets.Features(img=datasets.Image(), label=datasets.Value("int64")),
            )
            for split, n in SIZES.items()
        }
    )
    saved.save_to_disk(str(tmp_path / "saved"))

    check_cifar(images.cifar10(path=str(tmp_path / "saved")))


FINE = {"fine_label": 100, "coarse_label": 20}


def test_cifar100_has_its_fine_classes(tmp_path):
    for split, n in (("train", 120), ("test", 5)):
        (tmp_path / f"{split}.parquet").write_bytes(parquet(n, **FINE))

    data = images.cifar100(path=str(tmp_path))

    pixels, classes = whole(data.train)
    assert (pixels.shape, data.n_classes) == ((120, *data.shape), 100)
    assert classes.tolist() == [i % 100 for i in range(120)]
    drawn = data.train.batch(torch.arange(120), torch.Generator().manual_seed(0))[0]
    assert not torch.equal(drawn, pixels)


def test_cifar10_is_no_cifar100(folder):
    with pytest.raises(ConfigError, match=r"columns img, label; img \(or image\) and fine_label"):
        len(images.cifar100(path=str(folder)).train)


def test_mnist_has_one_channel_and_no_augmentation(tmp_path):
    for split, n in SIZES.items():
        (tmp_path / f"{split}.parquet").write_bytes(parquet(n, "image", (28, 28)))

    data = images.mnist(path=str(tmp_path))

    pixels, _ = whole(data.train)
    assert pixels.shape[1:] == data.shape == (1, 28, 28)
    drawn = data.train.batch(torch.arange(12), torch.Generator().manual_seed(0))[0]
    assert torch.equal(drawn, pixels)


def test_imagenet_out_of_class_folders(tree):
    data = images.imagenet(path=str(tree))

    pixels, classes = whole(data.test)
    draws = [
        data.train.batch(torch.arange(8), torch.Generator().manual_seed(s))[0] for s in (0, 0, 1)
    ]
    assert data.n_classes == 2
    assert (pixels.shape, pixels.dtype) == ((4, 3, 224, 224), torch.float32)
    assert classes.tolist() == [0, 0, 1, 1]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_a_dev_split_takes_pictures_out_of_train(tree):
    data = images.imagenet(path=str(tree), dev=2)

    assert (len(data.train), len(data.dev), len(data.test)) == (6, 2, 4)
    assert torch.equal(whole(data.dev)[0], whole(images.imagenet(path=str(tree), dev=2).dev)[0])


def test_the_middle_is_the_center_of_what_scaling_to_256_gives():
    """Of 512x256 with a side of 256 · 7/8 = 224: from (512 - 224) / 2 and (256 - 224) / 2."""
    assert middle(512, 256, 7 / 8) == (144, 16, 368, 240)


def test_random_parts_lie_inside_with_the_area_and_shape_asked_for():
    draws = torch.rand(300, 40, generator=torch.Generator().manual_seed(0)).tolist()
    boxes = [random_part(400, 300, draw) for draw in draws]

    areas = [(r - x) * (b - y) / 120000 for x, y, r, b in boxes]
    ratios = [(r - x) / (b - y) for x, y, r, b in boxes]
    assert all(0 <= x < r <= 400 and 0 <= y < b <= 300 for x, y, r, b in boxes)
    assert 0.07 < min(areas) < 0.15
    assert 0.85 < max(areas) <= 1
    assert 0.73 < min(ratios) < 0.8
    assert 1.25 < max(ratios) < 1.37
    assert random_part(1000, 10, draws[0]) == (495, 0, 505, 10)  # no part of it fits


def test_a_fingerprint_tells_content_and_dev_apart_but_not_places(folder, tmp_path):
    other = tmp_path / "other"
    (other / "data").mkdir(parents=True)
    for file in (folder / "data").iterdir():
        (other / "data" / file.name).write_bytes(file.read_bytes())

    found = images.fingerprint({"path": str(folder / "data"), "dev": 0})

    assert found == images.fingerprint({"path": str(other / "data"), "dev": 0})
    assert found != images.fingerprint({"path": str(folder / "data"), "dev": 1})
    (other / "data" / "test-00000-of-00001.parquet").write_bytes(parquet(4))
    assert found != images.fingerprint({"path": str(other / "data"), "dev": 0})
    assert images.fingerprint({"path": None}) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "/nowhere"}, "data.path=/nowhere: there is no such folder"),
        ({"dev": 12}, "data.dev=12 of 12 pictures cannot be set apart"),
        ({"dev": -1}, "data.dev=-1 of 12 pictures"),
    ],
)
def test_bad_settings_are_refused(settings, message, folder):
    with pytest.raises(ConfigError, match=message) as refused:
        len(images.cifar10(**({"path": str(folder)} | settings)).train)

    assert refused.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"holds neither dataset_dict.json nor train\*.parquet"),
        ({"train.parquet": b"no parquet"}, "its split train cannot be read"),
        ({"train.parquet": parquet(2, "photo")}, "has the columns photo, label"),
        (
            {"train.parquet": parquet(2, "img", (28, 28, 3))},
            "picture 0 has 28x28 pixels, not 32x32",
        ),
        ({"train.parquet": parquet(2, cat=2)}, "has the columns img, cat; img"),
        ({"train.parquet": parquet(2, label="dog")}, "its labels are no numbers of classes"),
        ({"train.parquet": parquet(2, label=None)}, "its labels are no numbers of classes"),
        ({"dataset_dict.json": b"{}"}, "its split train cannot be read"),
    ],
)
def test_a_folder_that_is_none_of_a_set_is_refused(content, message, tmp_path):
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)

    with pytest.raises(ConfigError, match=message) as refused:
        len(images.cifar10(path=str(tmp_path)).train)
    assert refused.value.hint


def test_a_folder_without_classes_is_no_imagenet(tmp_path, tree):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no class folders in train/"):
        images.imagenet(path=str(tmp_path / "empty"))
    for file in (tree / "val").rglob("*.JPEG"):
        file.unlink()

    with pytest.raises(ConfigError, match="there are no pictures in val/CLASS/"):
        len(images.imagenet(path=str(tree)).test)


PROGRAM = """
import sys, torch
from iterun.data import images
from iterun.errors import IterunError
try:
    data = getattr(images, sys.argv[1])(dev=int(sys.argv[2]))
    print(*(len(split) for split in (data.train, data.dev, data.test)))
    pixels, classes = data.train.batch(torch.arange(len(data.train)))
    print(classes.tolist(), [round(x, 4) for x in pixels[0, :, 0, 0].tolist()])
except IterunError as error:
    print(error.message, "|", error.hint)
"""


def from_hub(name: str, dev: int, endpoint: str, home: Path) -> list[str]:
    env = os.environ | {
        "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "ITERUN_CACHE": str(home / "cache"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }  # fmt: skip
    command = [sys.executable, "-c", PROGRAM, name, str(dev)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_cifar_and_mnist_from_the_hub(tmp_path):
    card = "---\nconfigs:\n- config_name: {}\n  data_files:\n" + "".join(
        f"  - {{{{split: {s}, path: {s}.parquet}}}}\n" for s in SIZES
    ) + "---\n"  # fmt: skip
    repositories = {}
    for id, config, column, shape, labels in (
        ("uoft-cs/cifar10", "plain_text", "img", (32, 32, 3), {}),
        ("uoft-cs/cifar100", "cifar100", "img", (32, 32, 3), FINE),
        ("ylecun/mnist", "mnist", "image", (28, 28), {}),
    ):
        files = {f"{s}.parquet": parquet(n, column, shape, **labels) for s, n in SIZES.items()}
        files["README.md"] = card.format(config).encode()
        repositories[f"datasets/{id}"] = Repository(files)
    with serving(repositories) as hub:
        cifar = from_hub("cifar10", 2, hub.url, tmp_path / "a")
        mnist = from_hub("mnist", 0, hub.url, tmp_path / "b")
        fine = from_hub("cifar100", 0, hub.url, tmp_path / "c")

    assert cifar[0] == "10 2 5"
    assert fine[0] == "12 0 5"
    assert fine[1].startswith("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] [")
    assert mnist[0] == "12 0 5"
    assert mnist[1].startswith("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1] [")


@pytest.mark.slow
def test_a_gated_set_says_how_to_be_admitted_and_what_works_without(tmp_path):
    gated = Repository({"README.md": b"", "train.parquet": b""}, gated=403)
    with serving({"datasets/ILSVRC/imagenet-1k": gated}) as hub:
        [said] = from_hub("imagenet", 0, hub.url, tmp_path)

    assert "ILSVRC/imagenet-1k is gated" in said
    assert "data=digits, or a folder of your own: data.path=FOLDER" in said
