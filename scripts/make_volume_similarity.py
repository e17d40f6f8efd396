"""Similarity of two volumes over several scales, for the test of src/metrics/volume_similarity.rs. Needs numpy."""

import numpy as np

POWERS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
WINDOW, SIGMA, RANGE = 7, 1.5, 2.0


def volumes(phase):
    return np.sin(np.arange(2 * 28**3, dtype=np.float64) * 0.37 + phase).reshape(2, 28, 28, 28)


def smooth(x):
    """Weighted sum over every place of the window, all three directions at once."""
    line = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    line /= line.sum()
    cube = line[:, None, None] * line[None, :, None] * line[None, None, :]
    windows = np.lib.stride_tricks.sliding_window_view(x, (WINDOW,) * 3)
    return np.einsum("xyzijk,ijk->xyz", windows, cube)


def one(a, b):
    c1, c2 = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2
    ma, mb = smooth(a), smooth(b)
    va, vb, cov = smooth(a * a) - ma**2, smooth(b * b) - mb**2, smooth(a * b) - ma * mb
    contrast = (2 * cov + c2) / (va + vb + c2)
    return ((2 * ma * mb + c1) / (ma**2 + mb**2 + c1) * contrast).mean(), contrast.mean()


def similarity(a, b):
    count = sum(a.shape[0] >> scale >= WINDOW for scale in range(5))
    total, product = sum(POWERS[:count]), 1.0
    for scale in range(count):
        whole, contrast = one(a, b)
        product *= max(whole if scale == count - 1 else contrast, 0.0) ** (POWERS[scale] / total)
        n = a.shape[0] // 2
        half = lambda x: x[: 2 * n, : 2 * n, : 2 * n].reshape(n, 2, n, 2, n, 2).mean(axis=(1, 3, 5))
        a, b = half(a), half(b)
    return product


first, second = volumes(0.0), volumes(0.8) * 0.9 + 0.05
print(repr(float(np.mean([similarity(a, b) for a, b in zip(first, second)]))))
