"""A fictitious but plausible country, the same every time, at any size: for the demo, tests and measurements."""

from registry.seed.run import Counts, seed

__all__ = ["Counts", "seed"]
