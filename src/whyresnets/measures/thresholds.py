"""The thresholds at which shares of eigenvalues are read; apart, so that records are read where torch is absent."""

THRESHOLDS = tuple(10.0 ** (-k / 2) for k in range(2, 27))  # of the largest: 1e-1 to 1e-13 (chosen by us)
