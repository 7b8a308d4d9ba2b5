"""A small neural network that reads handwritten digits: the data set that scikit-learn has in its package.

1,797 pictures of 8 x 8 (Alpaydin and Kaynak, "Optical recognition of handwritten digits", 1998,
https://doi.org/10.24432/C50P49), of which a fixed third is held out. A solution is the network's weights; its
value is the mean log-likelihood of the right digits in a minibatch drawn by the seed, and its test the accuracy on
the pictures held out. No download is needed, but the extra ``digits`` (scikit-learn).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.objective import Seeds, Solutions, Values
from seedcast.shared.policies.base import Block, blocks
from seedcast.shared.spec.objective import Direction

INPUTS, CLASSES = 64, 10
HELD_OUT = 599
SPLIT_SEED = 0
AT_ONCE = 16
"""Solutions in one stacked product: the activations of more leave a core's cache."""

FloatArray = NDArray[np.float32]


class Digits:
    """Maximises the log-likelihood of a network 64 - hidden - 10 with tanh."""

    direction: Direction = "maximise"
    noisy = True

    def __init__(self, hidden: int = 32, batch: int = 256) -> None:
        if not 1 <= hidden <= 10_000:
            raise ValueError(f"hidden is from 1 to 10,000, got {hidden}")
        pictures, labels = _pictures()
        order = np.random.Generator(np.random.Philox(SPLIT_SEED)).permutation(len(labels))
        train, held_out = order[HELD_OUT:], order[:HELD_OUT]
        if not 1 <= batch <= len(train):
            raise ValueError(f"batch is from 1 to {len(train)}, got {batch}")
        self._train, self._held_out = (pictures[train], labels[train]), (pictures[held_out], labels[held_out])
        self._batch = batch
        shapes: list[tuple[str, tuple[int, ...]]] = [
            ("first", (INPUTS, hidden)),
            ("first_bias", (1, hidden)),
            ("second", (hidden, CLASSES)),
            ("second_bias", (1, CLASSES)),
        ]
        self._layout: tuple[Block, ...] = blocks(shapes)
        self.dimension = sum(block.size for block in self._layout)
        self.initial_mean = self._drawn()
        """Normal with variance 1 / inputs for weights, 0 for biases."""

    def _drawn(self) -> FloatArray:
        draws = np.random.Generator(np.random.Philox(SPLIT_SEED + 1))
        scaled = (
            draws.standard_normal(block.size, np.float32)
            * np.float32(0 if "bias" in block.name else block.shape[0] ** -0.5)
            for block in self._layout
        )
        return np.concatenate(list(scaled))

    def evaluate(self, solutions: Solutions, seeds: Seeds) -> Values:
        """Return the mean log-likelihood of the right digits, over a minibatch by each seed."""
        pictures, labels = self._train
        values = np.empty(len(solutions))
        for rows in _pieces(len(solutions)):
            chosen = np.stack([_minibatch(seed, len(labels), self._batch) for seed in seeds[rows].tolist()])
            scores = self._scores(solutions[rows], pictures[chosen])
            scores -= scores.max(axis=2, keepdims=True)
            right = np.take_along_axis(scores, labels[chosen][:, :, None], axis=2)[:, :, 0]
            likelihoods = right - np.log(np.exp(scores).sum(axis=2))
            values[rows] = [row.mean(dtype=np.float64) for row in likelihoods]
        return values

    def test(self, solutions: Solutions, seeds: Seeds) -> Values:
        """Return the accuracy on the pictures held out; seeds change nothing of it."""
        del seeds
        pictures, labels = self._held_out
        values = np.empty(len(solutions))
        for rows in _pieces(len(solutions)):
            found = self._scores(solutions[rows], pictures[None]).argmax(axis=2)
            values[rows] = (found == labels).mean(axis=1)
        return values

    def _scores(self, solutions: Solutions, pictures: FloatArray) -> FloatArray:
        """Return what each network ``(n)`` says of its pictures ``(n or 1, m, 64)``: ``(n, m, 10)``.

        A stacked product computes each network by itself, so that the bits are those of the network alone.
        """
        first, first_bias, second, second_bias = (
            np.ascontiguousarray(block.stacked_view(solutions)) for block in self._layout
        )
        hidden = np.tanh(np.matmul(pictures, first) + first_bias)
        scores: FloatArray = np.matmul(hidden, second) + second_bias
        return scores


def _pieces(solutions: int) -> Iterator[slice]:
    return (slice(start, min(start + AT_ONCE, solutions)) for start in range(0, solutions, AT_ONCE))


def _minibatch(seed: int, pictures: int, size: int) -> NDArray[np.int64]:
    return np.random.Generator(np.random.Philox(seed)).choice(pictures, size, replace=False)


def _pictures() -> tuple[FloatArray, NDArray[np.int64]]:
    """Return the pictures ``(1797, 64)`` in [0, 1] and their digits ``(1797,)``."""
    try:
        from sklearn.datasets import load_digits  # late: scikit-learn takes a second, and may be missing
    except ImportError:
        raise ValueError("scikit-learn is not installed: pip install 'seedcast[digits]'") from None
    found: Any = load_digits()
    return (found.data / 16.0).astype(np.float32), found.target.astype(np.int64)
