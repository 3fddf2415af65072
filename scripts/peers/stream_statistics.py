#!/usr/bin/python3
"""Are Curie's dropout masks and sample orders as random as they should be? Statistics of covid-cnn-64's streams at batch 256.

  scripts/peers/stream_statistics.py [--seeds 1 2 6]

For each seed, step and dropout layer: the rate of kept elements, correlation with the neighbour at distances that mean
something in the tensor (next element, channel, pixel, row, sample), with the same element one step earlier, with other layers
and other seeds; and, for each sample and each channel, the number kept. For the orders of 60 epochs: every one is a
permutation, none resembles another or the identity, and samples that shared a batch do not meet again more often than
chance has it. Each figure is a z value, which for perfect randomness is normal with mean 0 and variance 1.

The streams are those of curie_random.py; same_masks.py shows that Curie trains with these. Exit status 1 when a |z| is over
4.5 or their mean square is not 1 within four standard errors.
"""

import argparse
import math

import curie_random
import numpy as np

BATCH = 256
LAYERS = {2: (0.3, 31, 31, 32), 5: (0.5, 14, 14, 64), 9: (0.2, 1, 1, 64)}  # number: rate, rows, columns, channels
STEPS = (0, 1, 2, 40, 41, 1000)
EPOCHS = 60
SAMPLES = 10272


def correlation(a, b, keep):
    """z of the correlation of two masks whose elements are kept with probability `keep`."""
    return float(((a - keep) * (b - keep)).sum() / (keep * (1 - keep) * math.sqrt(len(a))))


def spread(counts, draws, keep):
    """z of chi-square: numbers kept in equal groups of `draws` elements."""
    chi = float(((counts - draws * keep) ** 2).sum() / (draws * keep * (1 - keep)))
    return (chi - len(counts)) / math.sqrt(2 * len(counts))


def mask_statistics(seed):
    before = {}
    for step in STEPS:
        for layer, (rate, rows, columns, channels) in LAYERS.items():
            sample = rows * columns * channels
            count, keep = BATCH * sample, 1 - rate
            mask = curie_random.keep_mask(seed, layer, step, rate, count).astype(np.float64)
            name = f"seed {seed} step {step} layer {layer}"
            yield f"{name} rate", float((mask.mean() - keep) / math.sqrt(keep * rate / count))
            for distance in sorted({1, 2, 3, 4, 8, 16, channels, columns * channels, sample}):
                yield f"{name} distance {distance}", correlation(mask[:-distance], mask[distance:], keep)
            if layer in before and step == before[layer][0] + 1:
                yield f"{name} step before", correlation(mask, before[layer][1], keep)
            before[layer] = step, mask
            yield f"{name} samples", spread(mask.reshape(BATCH, -1).sum(axis=1), sample, keep)
            yield f"{name} channels", spread(mask.reshape(-1, channels).sum(axis=0), count // channels, keep)
    count = BATCH * 14 * 14 * 64
    halves = {key: curie_random.keep_mask(*key, 0, 0.5, count).astype(np.float64) for key in ((seed, 2), (seed, 5), (seed, 9), (seed + 1, 2))}
    for other in ((seed, 5), (seed, 9), (seed + 1, 2)):
        yield f"seed {seed} layer 2 with seed, layer {other}", correlation(halves[seed, 2], halves[other], 0.5)


def order_statistics(seed):
    orders = [curie_random.epoch_order(SAMPLES, seed, epoch) for epoch in range(EPOCHS)]
    identity = np.arange(SAMPLES)
    for epoch, order in enumerate(orders):
        if not (np.sort(order) == identity).all():
            raise SystemExit(f"seed {seed}: the order of epoch {epoch} is not a permutation")
    places = [np.argsort(order) for order in orders]
    batches = [place // BATCH for place in places]
    for epoch, place in enumerate(places):
        yield f"seed {seed} order {epoch} with the identity", float(np.corrcoef(place, identity)[0, 1] * math.sqrt(SAMPLES))
        if epoch == 0:
            continue
        yield f"seed {seed} order {epoch} with the one before", float(np.corrcoef(place, places[epoch - 1])[0, 1] * math.sqrt(SAMPLES))
        number = batches[0].max() + 1
        together = np.zeros((number, number))
        np.add.at(together, (batches[epoch - 1], batches[epoch]), 1)
        sizes = np.bincount(batches[0])
        expected = np.outer(sizes, sizes) / SAMPLES
        freedom = (number - 1) ** 2
        chi = float(((together - expected) ** 2 / expected).sum())
        yield f"seed {seed} batches of epochs {epoch - 1} and {epoch}", (chi - freedom) / math.sqrt(2 * freedom)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 6])
    seeds = parser.parse_args().seeds
    curie_random.check_known_answers()
    ok = True
    for what, statistics in (("masks", mask_statistics), ("orders", order_statistics)):
        figures = [figure for seed in seeds for figure in statistics(seed)]
        z = np.asarray([value for _, value in figures])
        mean_square, error = float((z**2).mean()), math.sqrt(2 / len(z))
        worst = max(figures, key=lambda figure: abs(figure[1]))
        print(f"{what}: {len(z)} figures, mean square {mean_square:.3f} (1 expected, ± {error:.3f}), largest {worst[1]:+.2f}: {worst[0]}")
        ok = ok and abs(worst[1]) <= 4.5 and abs(mean_square - 1) <= 4 * error
    print("as random as chance" if ok else "NOT as random as chance")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
