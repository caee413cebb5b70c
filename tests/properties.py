"""How hypothesis runs in these tests: the same few examples every time, without a deadline."""

from hypothesis import HealthCheck, settings

REPEATABLE = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""A decorator, above `given`."""
