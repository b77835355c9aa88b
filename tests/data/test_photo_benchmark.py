"""The benchmark of photo loading compares like with like."""

import pytest
import torch

from benchmarks import photo_loading


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photo_loading, "OF_A_CLASS", 2)
        return photo_loading.make_photos(tmp_path_factory.mktemp("made"))


def test_both_loaders_give_batches_of_one_form(folder):
    """Floats of the same shape, about centred; and photos that are made are as large as real ones."""
    batches = {name: next(make(str(folder), 64, 8, 0)) for name, make in photo_loading.SOURCES.items()}
    files = list((folder / "train").rglob("*.jpg"))

    for images, labels in batches.values():
        assert ((8, 3, 64, 64), torch.float32, (8,)) == (tuple(images.shape), images.dtype, tuple(labels.shape))
    assert abs(batches[photo_loading.OURS][0].std() - batches[photo_loading.PLAIN][0].std()) < 0.3
    assert 30_000 < sum(path.stat().st_size for path in files) / len(files) < 150_000
