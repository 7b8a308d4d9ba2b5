"""Gaussian sampling whose population is never held: members are made, and their noise drawn again, on demand.

Every draw is looked up by its key (`shared.seeding`), so that it can be thrown away and had again. Small noise
is kept all the same. Draws are shared out to threads, each a stream of its own; sums run over the draws in
their order, each parameter apart, so that neither threads nor chunks can change a bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import overload

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.strategies.population import Parameters, Population
from seedcast.shared.cpus import usable_cpus
from seedcast.shared.perturbations import GaussianMembers, Members, NoiseKey, perturbed

Vector = NDArray[np.float64]

KEPT_BYTES = 256 * 2**20
"""Noise of a generation up to this is drawn once and kept, beyond it again for each use."""

CHUNK_BYTES = 64 * 2**20
"""Noise drawn at a time where it is not kept."""

_BLOCK = 8192
"""Parameters summed at a time: their float64 sums stay in a core's cache."""

_THREADED = 2**20
"""Numbers below which threads cost more than they save."""

_MOST_THREADS = 8
"""The master has other things to do."""


_ROWS_AT_ONCE = 16
"""float32 ``(dimension,)``: a few members, and what they are made of."""

_FEW = 4
"""Draws that are made by themselves, even where all are to be kept: all may take seconds."""

_SPARED = 0.25
"""Of what a unit's members take as keys: rows are sent only where they spare so much, as they have to be drawn."""


def sampling_bytes(dimension: int, draws: int) -> int:
    """Return about how much noise and members take at their peak; it does not fall as either number grows."""
    return min(4 * dimension * draws, max(KEPT_BYTES, 4 * dimension * _ROWS_AT_ONCE))


class GaussianPopulation(Population):
    """Members mean + σ z, or pairs mean ± σ z, described by (mean, σ, counter keys).

    ``sigma`` is float32 ``(dimension,)``, or ``(1,)`` where it is the same for all parameters. Members 2i and
    2i + 1 are mean + σ z_i and mean − σ z_i if ``mirrored``; otherwise member i is mean + σ z_i.
    """

    def __init__(
        self,
        mean: Parameters,
        sigma: Parameters,
        *,
        seed: int,
        generation: int,
        population_size: int,
        mirrored: bool,
    ) -> None:
        self.mean = mean
        self.sigma = sigma
        self.draws = population_size // 2 if mirrored else population_size
        """Distinct noise vectors."""
        self._key = NoiseKey(seed=seed, generation=generation, mirrored=mirrored)
        self._size = population_size
        self._sent_sigma = sigma[:1] if len(sigma) and (sigma == sigma[0]).all() else sigma
        """One number where one is enough: its products have the same bits."""
        self._width = len(mean)
        """Numbers that a draw is made of."""
        self._lock = Lock()  # units are encoded in threads
        self._kept: Parameters | None = None

    def __len__(self) -> int:
        return self._size

    def noise(self, start: int, stop: int, *, alone: bool = False) -> Parameters:
        """Return the standard normal z ``(stop - start, dimension)`` of draws ``start`` to ``stop - 1``.

        ``alone``: draw no more than these, even where all are to be kept.
        """
        return self._numbers(start, stop, alone=alone)

    def rows(self, start: int, stop: int) -> Parameters:
        """Return the parameters ``(stop - start, dimension)`` of members ``start`` to ``stop - 1``."""
        start, stop, _ = slice(start, stop).indices(self._size)
        first, last = (start // 2, (stop + 1) // 2) if self._key.mirrored else (start, stop)
        noise = self.noise(first, last, alone=last - first <= _FEW)  # the event loop asks for few
        members = perturbed(self.mean, self.sigma, noise, mirrored=self._key.mirrored)
        skipped = start % 2 if self._key.mirrored else 0
        rows = members[skipped : skipped + stop - start]
        rows.flags.writeable = False
        return rows

    def members(self, start: int, stop: int) -> Members:
        """Return the same members in whichever form is much the smaller to send; as keys where neither is."""
        count, dimension = stop - start, len(self.mean)
        if count * dimension <= (1 - _SPARED) * (dimension + len(self._sent_sigma) + count):
            return self.rows(start, stop)
        return GaussianMembers(self.mean, self._sent_sigma, self._key, np.arange(start, stop, dtype=np.int32))

    @overload
    def weighted_sums(self, linear: Vector) -> tuple[Vector, None]: ...

    @overload
    def weighted_sums(self, linear: Vector, quadratic: Vector) -> tuple[Vector, Vector]: ...

    def weighted_sums(self, linear: Vector, quadratic: Vector | None = None) -> tuple[Vector, Vector | None]:
        """Return Σ linear · z and Σ quadratic · (z² − 1) over the draws, each float64 ``(dimension,)``.

        ``linear`` and ``quadratic`` are ``(draws,)``. The draws are added in their order, in double precision.
        A matrix product would leave the order, and so the bits, to BLAS and the number of its threads.
        """
        dimension = len(self.mean)
        first = np.zeros(dimension)
        second = None if quadratic is None else np.zeros(dimension)
        for start, stop in self._chunks(dimension):
            z = self.noise(start, stop)
            _add(first, second, z, linear[start:], None if quadratic is None else quadratic[start:])
        if second is not None and quadratic is not None:
            second -= quadratic.sum()
        return first, second

    def _numbers(self, start: int, stop: int, *, alone: bool = False) -> Parameters:
        """Return what draws ``start`` to ``stop - 1`` are made of; all are kept where they are small."""
        if (alone and self._kept is None) or 4 * self.draws * self._width > KEPT_BYTES:
            return self._draw(start, stop)
        with self._lock:
            if self._kept is None:
                self._kept = self._draw(0, self.draws)
                self._kept.flags.writeable = False
        return self._kept[start:stop]

    def _chunks(self, width: int) -> Iterator[tuple[int, int]]:
        """Yield (start, stop) of all draws in order, as many at a time as memory allows, of ``width`` numbers."""
        at_once = max(1, CHUNK_BYTES // (4 * width))
        for start in range(0, self.draws, at_once):
            yield start, min(start + at_once, self.draws)

    def _draw(self, start: int, stop: int) -> Parameters:
        numbers = np.empty((stop - start, self._width), np.float32)

        def fill(row: int) -> None:
            self._key.numbers(start + row, self._width, out=numbers[row])

        for_each(fill, range(stop - start), numbers.size)
        return numbers


def _add(first: Vector, second: Vector | None, z: Parameters, linear: Vector, quadratic: Vector | None) -> None:
    """Add linear · z to ``first`` and quadratic · z² to ``second``, draw by draw."""

    def add(at: int) -> None:
        block = slice(at, at + _BLOCK)
        ones, squares = first[block], None if second is None else second[block]
        wide, product = np.empty_like(ones), np.empty_like(ones)
        for row, draw in enumerate(z[:, block]):
            np.copyto(wide, draw)
            np.multiply(wide, linear[row], out=product)
            np.add(ones, product, out=ones)
            if squares is not None and quadratic is not None:
                np.multiply(wide, quadratic[row], out=product)
                np.multiply(product, wide, out=product)
                np.add(squares, product, out=squares)

    for_each(add, range(0, len(first), _BLOCK), z.size)


def for_each(do: Callable[[int], None], items: Iterable[int], work: int) -> None:
    """Do it with every item, in threads where there is much of it: numpy lets go of the interpreter's lock."""
    if work < _THREADED or (threads := min(_MOST_THREADS, usable_cpus())) == 1:
        for item in items:
            do(item)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(do, items):
            pass
