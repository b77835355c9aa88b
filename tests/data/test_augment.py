"""Crop, flip and normalisation against written-out loops."""

import numpy as np
import torch

from senet_lab.data.augment import crop_and_flip, draw, normalise, normalise_rows, scale_and_shift

N, SIZE, PADDING = 40, 8, 2


def _padded():
    images = torch.randint(0, 256, (N, SIZE, SIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return images, torch.nn.functional.pad(images, (0, 0, *(PADDING,) * 4))


def _draws(seed=0, flip=True):
    return draw(N, PADDING, flip, torch.Generator().manual_seed(seed))


def test_crop_and_flip_equals_a_loop_over_images():
    """The gather cuts the same window, and mirrors the same images, as slicing each image does."""
    _, padded = _padded()
    draws = _draws()
    batch = crop_and_flip(padded, draws.at(slice(8, 24)), SIZE)

    for b, position in enumerate(range(8, 24)):
        dy, dx = int(draws.dy_N[position]), int(draws.dx_N[position])
        window = padded[draws.order_N[position], dy : dy + SIZE, dx : dx + SIZE]
        expected = window.flip(1) if draws.flip_N[position] else window
        assert torch.equal(expected, batch[b])


def test_offsets_cover_the_whole_padding_and_nothing_more():
    """Offsets run from 0 to twice the padding."""
    draws = draw(5000, PADDING, True, torch.Generator().manual_seed(1))

    assert {0, 1, 2, 3, 4} == set(draws.dy_N.tolist()) == set(draws.dx_N.tolist())
    assert 2300 < int(draws.flip_N.sum()) < 2700


def test_an_epoch_visits_every_image_once():
    """The order is a permutation."""
    assert list(range(N)) == sorted(_draws().order_N.tolist())


def test_no_flip_leaves_the_other_choices_as_they_are():
    """Flipping is a choice of its own: order and offsets are the same without it."""
    with_flip, without = _draws(), _draws(flip=False)

    assert not without.flip_N.any()
    assert torch.equal(with_flip.order_N, without.order_N)
    assert torch.equal(with_flip.dx_N, without.dx_N)


def test_normalise_subtracts_the_mean_and_divides_by_the_deviation():
    """A pixel of grey level v becomes (v / 255 - mean) / std in its channel."""
    images, _ = _padded()
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    batch = normalise(images, *scale_and_shift(mean, std, torch.device("cpu")))
    expected = (images.numpy() / 255 - np.array(mean)) / np.array(std)

    assert np.allclose(expected.transpose(0, 3, 1, 2), batch.numpy(), atol=1e-6)
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_whole_rows_are_normalised_to_the_same_bits():
    """The faster way for photos gives what the other gives, in the same order in memory."""
    images, _ = _padded()
    factors = scale_and_shift((0.4, 0.5, 0.6), (0.2, 0.25, 0.3), torch.device("cpu"))

    assert torch.equal(normalise(images, *factors), normalise_rows(images, *factors))
    assert normalise_rows(images, *factors).is_contiguous(memory_format=torch.channels_last)
