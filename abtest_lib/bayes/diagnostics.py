"""Convergence of chains: rank-normalised split R-hat, bulk and tail effective sample size, many quantities at once.

Definitions: Vehtari, Gelman, Simpson, Carpenter and Bürkner, "Rank-normalization, folding, and localization: an
improved R-hat for assessing convergence of MCMC", Bayesian Analysis 16 (2021). ArviZ computes the same numbers one
quantity at a time; here every array has the shape (quantities, chains, draws), and the tests compare with ArviZ.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

R_HAT_LIMIT = 1.01
ESS_PER_CHAIN_LIMIT = 100.0


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """How well one group was sampled.

    Attributes:
        r_hat: The largest rank-normalised split R-hat over the group's quantities; 1 is perfect.
        ess_bulk: The smallest bulk effective sample size, in draws.
        ess_tail: The smallest tail effective sample size, in draws.
        divergences: The number of divergent transitions after warm-up, over all chains.
        chains: The number of chains.
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float
    divergences: int
    chains: int

    @property
    def problem(self) -> str | None:
        """Why the draws cannot be used, or None.

        Examples:
            >>> Diagnostics(r_hat=1.2, ess_bulk=900.0, ess_tail=800.0, divergences=0, chains=4).problem
            'R-hat 1.200 above 1.01'
        """
        limit = ESS_PER_CHAIN_LIMIT * self.chains
        if not self.r_hat <= R_HAT_LIMIT:
            return f"R-hat {self.r_hat:.3f} above {R_HAT_LIMIT}"
        if not min(self.ess_bulk, self.ess_tail) >= limit:
            return f"effective sample size {min(self.ess_bulk, self.ess_tail):.0f} below {limit:.0f}"
        return f"{self.divergences} divergent transitions" if self.divergences else None


def diagnose(draws: Floats, divergences: int) -> Diagnostics:
    """Diagnose one group.

    Args:
        draws: Shape (quantities, chains, draws); monotone transformations of a quantity change nothing but rounding.
        divergences: The number of divergent transitions.

    Returns:
        The worst value over the quantities.
    """
    halves = split_chains(draws)
    order = order_of(halves)
    scores = rank_normalise(halves, order)
    folded = _folded(halves, order)
    r_hat = np.maximum(plain_r_hat(scores), plain_r_hat(rank_normalise(folded, order_of(folded))))
    # Tail ESS is the smaller of the 5 % and the 95 % quantile's; one call serves them and the bulk.
    tails = [(halves <= _quantile(halves, order, p)[:, None, None]).astype(np.float64) for p in (0.05, 0.95)]
    bulk, *tail = np.split(effective_sample_size(np.concatenate([scores, *tails])), 3)
    return Diagnostics(float(r_hat.max()), float(bulk.min()), float(np.min(tail)), divergences, draws.shape[1])


def split_chains(draws: Floats) -> Floats:
    """Cut every chain into halves, leaving out the middle draw of an odd number: (q, c, d) to (q, 2c, d // 2)."""
    half = draws.shape[-1] // 2
    return np.concatenate([draws[..., :half], draws[..., -half:]], axis=1)


def order_of(draws: Floats) -> NDArray[np.int64]:
    """Return the order of each quantity's draws over all chains, shape (quantities, chains * draws).

    `argsort` takes eight times as long as `sort`. So the positions are stored in the lowest bits of the numbers,
    where they can only reorder draws that agree to some twelve digits.
    """
    flat = np.ascontiguousarray(draws.reshape(draws.shape[0], -1))
    bits = flat.view(np.int64)
    ascending_as_integers = bits ^ ((bits >> 63) & np.int64(2**63 - 1))
    position_bits = np.int64((1 << (flat.shape[1] - 1).bit_length()) - 1)
    keys = (ascending_as_integers & ~position_bits) | np.arange(flat.shape[1])
    return np.asarray(np.sort(keys, axis=1) & position_bits, dtype=np.int64)


def rank_normalise(draws: Floats, order: NDArray[np.int64]) -> Floats:
    """Replace draws by the normal scores of their ranks over all chains; ties share their average rank.

    Args:
        draws: Shape (quantities, chains, draws).
        order: The result of `order_of` for them.

    Returns:
        The scores, of the shape of `draws`.
    """
    ascending = np.take_along_axis(draws.reshape(draws.shape[0], -1), order, axis=1)
    count = ascending.shape[1]
    starts_run = np.ones(ascending.shape, dtype=bool)
    starts_run[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    ends_run = np.roll(starts_run, -1, axis=1)
    index = np.arange(count)
    first = np.maximum.accumulate(np.where(starts_run, index, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends_run, index, count)[:, ::-1], axis=1)[:, ::-1]
    scores = np.empty(ascending.shape)
    np.put_along_axis(scores, order, _normal_scores(count)[first + last], axis=1)
    return scores.reshape(draws.shape)


@lru_cache(maxsize=8)
def _normal_scores(count: int) -> Floats:
    """Return normal scores by twice the rank, counted from zero: an average rank can end in a half."""
    ranks = 1.0 + np.arange(2 * count - 1) / 2.0
    return np.asarray(special.ndtri((ranks - 0.375) / (count + 0.25)), dtype=np.float64)


def _folded(halves: Floats, order: NDArray[np.int64]) -> Floats:
    median = _quantile(halves, order, 0.5)
    return np.asarray(np.abs(halves - median[:, None, None]), dtype=np.float64)


def _quantile(halves: Floats, order: NDArray[np.int64], probability: float) -> Floats:
    """Interpolate a quantile linearly, one per quantity, shape (quantities,)."""
    position = probability * (order.shape[1] - 1)
    below = int(position)
    flat = halves.reshape(halves.shape[0], -1)
    ends = np.take_along_axis(flat, order[:, below : below + 2], axis=1)
    return np.asarray(ends[:, 0] + (position - below) * (ends[:, 1] - ends[:, 0]), dtype=np.float64)


def plain_r_hat(chains: Floats) -> Floats:
    """Return Gelman and Rubin's ratio of pooled to within-chain standard deviation, shape (quantities,)."""
    count = chains.shape[-1]
    within = chains.var(axis=-1, ddof=1).mean(axis=1)
    between = count * chains.mean(axis=-1).var(axis=1, ddof=1)
    return np.asarray(np.sqrt((between / within + count - 1) / count), dtype=np.float64)


def effective_sample_size(chains: Floats) -> Floats:
    """Estimate effective sample sizes by Geyer's initial monotone sequence.

    Args:
        chains: Shape (quantities, chains, draws), chains already split.

    Returns:
        Shape (quantities,), in draws; at most `n log10(n)`, as super-efficient chains allow.
    """
    _, chain_count, count = chains.shape
    total = chain_count * count
    autocorrelation = _autocorrelation(chains)
    pairs = autocorrelation[:, 0 : count - count % 2 : 2] + autocorrelation[:, 1::2][:, : count // 2]
    # As ArviZ and Stan: the last three lags rest on too few draws.
    pairs = pairs[:, : max((count - 3) // 2, 1)]
    alive = np.minimum.accumulate(pairs > 0.0, axis=1)
    alive[:, 0] = True
    last = alive.sum(axis=1)
    monotone = np.where(alive, np.minimum.accumulate(pairs, axis=1), 0.0)
    padded = np.pad(autocorrelation, ((0, 0), (0, 2)))
    remainder = np.maximum(np.take_along_axis(padded, 2 * last[:, None], axis=1)[:, 0], 0.0)
    tau = -1.0 + 2.0 * monotone.sum(axis=1) + remainder
    return np.asarray(total / np.maximum(tau, 1.0 / np.log10(total)), dtype=np.float64)


def _autocorrelation(chains: Floats) -> Floats:
    """Return the combined autocorrelation of all chains, shape (quantities, draws)."""
    count = chains.shape[-1]
    centred = chains - chains.mean(axis=-1, keepdims=True)
    from scipy import fft  # noqa: PLC0415  takes long to import, and only chains need it

    size = fft.next_fast_len(2 * count, real=True)
    spectrum = fft.rfft(centred, n=size, axis=-1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    covariance = fft.irfft(power.mean(axis=1), n=size, axis=-1)[:, :count] / count
    within = covariance[:, 0] * count / (count - 1.0)
    pooled = covariance[:, 0] + chains.mean(axis=-1).var(axis=1, ddof=1)
    autocorrelation = 1.0 - (within[:, None] - covariance) / pooled[:, None]
    autocorrelation[:, 0] = 1.0
    return np.asarray(autocorrelation, dtype=np.float64)
