"""Cutout: one square of zeros an image, on the grid, from the given generator."""

import pytest
import torch

from senet_lab.data.cutout import cut, draw_centres


def cutout(images, length, generator):
    """One square an image, its centre from the generator."""
    return cut(images, draw_centres(len(images), *images.shape[2:], generator), length)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_square_is_where_it_is_said_to_be():
    """Length 4 at row 3, column 5: rows 1 to 4, columns 3 to 6; everything else is untouched."""
    images = torch.ones(1, 2, 8, 8)
    found = cut(images, torch.tensor([[3], [5]]), 4)
    expected = torch.ones(1, 2, 8, 8)
    expected[:, :, 1:5, 3:7] = 0

    assert torch.equal(expected, found)
    assert images.all()


def test_an_odd_length_is_centred():
    """Length 3 at row 3, column 3 covers rows and columns 2 to 4."""
    expected = torch.ones(1, 1, 8, 8)
    expected[:, :, 2:5, 2:5] = 0

    assert torch.equal(expected, cut(torch.ones(1, 1, 8, 8), torch.tensor([[3], [3]]), 3))


@pytest.mark.parametrize(("row", "column", "hidden"), [(0, 0, 64), (31, 31, 81), (0, 16, 128), (16, 16, 256)])
def test_the_square_may_cross_the_border(row, column, hidden):
    """Length 16 of 32 pixels: a quarter is left in the corner, half at an edge."""
    found = cut(torch.ones(1, 1, 32, 32), torch.tensor([[row], [column]]), 16)

    assert hidden == int((found == 0).sum())


def test_equals_a_loop_over_images():
    """The vectorised square and one image after another, at the same draws."""
    images = torch.randn(50, 3, 32, 32, generator=generator(1))
    centres = draw_centres(50, 32, 32, generator(2))
    expected = images.clone()
    for image, (row, column) in zip(expected, centres.T.tolist(), strict=True):
        image[:, max(0, row - 4) : row + 4, max(0, column - 4) : column + 4] = 0

    assert torch.equal(expected, cutout(images, 8, generator(2)))


def test_every_pixel_can_be_a_centre():
    """Centres cover the image, rows and columns drawn apart."""
    rows, columns = draw_centres(20_000, 6, 9, generator())

    assert [*range(6)] == sorted(set(rows.tolist()))
    assert [*range(9)] == sorted(set(columns.tolist()))
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == 54


def test_type_and_layout_stay():
    """Of images in bf16 that lie channels last, as in training."""
    images = torch.ones(2, 3, 8, 8, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    found = cut(images, torch.tensor([[4, 4], [4, 4]]), 2)

    assert found.dtype is torch.bfloat16
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert int((found == 0).sum()) == 2 * 3 * 4
