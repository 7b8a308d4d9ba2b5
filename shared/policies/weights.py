"""The parameters of every lane, and products with them: whole, or one mean with perturbations of low rank.

A lane's bits never depend on its company. With a matrix of its own it is an item of its own in the product. Where
all lanes share one matrix they go through it in blocks of `BLOCK` lanes, the last one filled up with zeros. A
product of one shape treats every row alike, wherever it stands and whatever the others hold, and it is several
times as fast as a row at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from seedcast.shared.low_rank import Factors, LowRank, layout
from seedcast.shared.policies.base import Block, FloatArray, LaneIndex

BLOCK = 8
"""Lanes that go through a shared matrix at a time: more are hardly faster, and fill up more in vain. With 12, 16,
24 or 32 a row's bits depend on where it stands, by OpenBLAS' kernels for Haswell."""

LARGE, PANEL = 2**17, 64
"""A matrix of more elements is taken by so many columns at a time: these stay in a core's cache while all lanes go
through them, and OpenBLAS takes them as they are, without a copy for each block of lanes."""


class Weights(ABC):
    """One matrix of every lane ``(lanes, inputs, outputs)``, however it is held."""

    @abstractmethod
    def product(self, values: FloatArray) -> FloatArray:
        """Map ``(live, 1, inputs)``, of the first ``live`` lanes, to ``(live, 1, outputs)``, a new array."""

    @abstractmethod
    def columns(self, start: int, stop: int) -> Weights:
        """Return some of the columns, without a copy."""


@dataclass(frozen=True)
class OwnWeights(Weights):
    """Each lane has a matrix of its own."""

    stacked: FloatArray
    """``(lanes, inputs, outputs)``"""

    def product(self, values: FloatArray) -> FloatArray:
        """Map ``(live, 1, inputs)`` to ``(live, 1, outputs)``."""
        product: FloatArray = np.matmul(values, self.stacked[: len(values)])
        return product

    def columns(self, start: int, stop: int) -> OwnWeights:
        """Return some of the columns."""
        return OwnWeights(self.stacked[:, :, start:stop])


@dataclass(frozen=True)
class PerturbedWeights(Weights):
    """All lanes share one matrix M, and each adds a product of factors of its own: M + A B."""

    mean: FloatArray
    """M ``(inputs, outputs)``"""
    inputs: FloatArray
    """A ``(lanes, inputs, rank)``"""
    outputs: FloatArray
    """B ``(lanes, rank, outputs)``, σ included"""

    def product(self, values: FloatArray) -> FloatArray:
        """Map ``(live, 1, inputs)`` to ``(live, 1, outputs)``: u M + (u A) B."""
        live = len(values)
        product = shared_product(values, self.mean)
        along = np.matmul(values, self.inputs[:live])
        if along.shape[2] == 1:
            product += along * self.outputs[:live]  # the same, for less than a product of matrices costs
        else:
            product += np.matmul(along, self.outputs[:live])
        return product

    def columns(self, start: int, stop: int) -> PerturbedWeights:
        """Return some of the columns."""
        return PerturbedWeights(self.mean[:, start:stop], self.inputs, self.outputs[:, :, start:stop])


def shared_product(values: FloatArray, matrix: FloatArray) -> FloatArray:
    """Map ``values (live, 1, inputs)`` by one matrix to ``(live, 1, outputs)``, a new array."""
    live, _, inputs = values.shape
    outputs = matrix.shape[1]
    blocks = -(-live // BLOCK)
    filled = np.ascontiguousarray(values)
    if live < blocks * BLOCK:
        filled = np.zeros((blocks * BLOCK, 1, inputs), np.float32)
        filled[:live] = values
    rows = filled.reshape(blocks, BLOCK, inputs)
    products = np.empty((blocks, BLOCK, outputs), np.float32)
    width = PANEL if matrix.size > LARGE else outputs
    for start in range(0, outputs, width):
        panel = slice(start, start + width)
        np.matmul(rows, matrix[:, panel], out=products[:, :, panel])
    return products.reshape(blocks * BLOCK, 1, outputs)[:live]


@dataclass(frozen=True)
class Centre:
    """What all lanes share whose perturbations are of low rank."""

    mean: FloatArray
    """``(dimension,)``"""
    low_rank: LowRank

    def fits(self, blocks: tuple[Block, ...]) -> bool:
        """Say whether every perturbed matrix is one of these blocks, whole."""
        there = {(block.offset, block.shape) for block in blocks}
        return all((one.offset, one.shape) in there for one in self.low_rank.matrices)


class LaneParameters:
    """What every lane holds: all parameters or, around a centre, what `Layout.around` makes of its draws."""

    def __init__(self, blocks: tuple[Block, ...], width: int, centre: Centre | None = None) -> None:
        dimension = sum(block.size for block in blocks)
        self._centre = centre
        self._blocks = {block.name: block for block in blocks}
        self._factors: dict[int, Factors] = {}
        self._starts = {block.name: block.offset for block in blocks}
        if centre is None:
            self._held = np.zeros((width, dimension), np.float32)
            return
        laid = layout(centre.low_rank, dimension)
        self._held = np.zeros((width, laid.numbers), np.float32)
        self._factors = {one.matrix.offset: one for one in laid.factors}
        for parameters, numbers in laid.rest:
            for block in blocks:
                if parameters.start <= block.offset < parameters.stop:
                    self._starts[block.name] = numbers.start + block.offset - parameters.start

    def load(self, lanes: LaneIndex, rows: FloatArray) -> None:
        """Put ``rows (n, …)`` into lanes ``(n,)``."""
        self._held[lanes] = rows

    def move(self, sources: LaneIndex, targets: LaneIndex) -> None:
        """Move running episodes to other lanes."""
        self._held[targets] = self._held[sources]

    def matrix(self, name: str) -> Weights:
        """Return the matrix of a block, which is a view: it follows what is loaded."""
        block = self._blocks[name]
        if self._centre is not None and (factors := self._factors.get(block.offset)) is not None:
            return PerturbedWeights(block.view(self._centre.mean), *factors.split(self._held))
        return OwnWeights(self._whole(block))

    def vector(self, name: str) -> FloatArray:
        """Return the vector of a block ``(lanes, 1, size)``, a view."""
        return self._whole(self._blocks[name])[:, None, :]

    def _whole(self, block: Block) -> FloatArray:
        start = self._starts[block.name]
        return self._held[:, start : start + block.size].reshape(len(self._held), *block.shape)
