"""The only room that knows matplotlib: takes records, returns Figures."""

from gluonkit.plot.bench import plot_bench
from gluonkit.plot.graph import plot_network
from gluonkit.plot.params import plot_activations, plot_histograms, plot_norms
from gluonkit.plot.profile import plot_flame, plot_profile

__all__ = [
    "plot_activations",
    "plot_bench",
    "plot_flame",
    "plot_histograms",
    "plot_network",
    "plot_norms",
    "plot_profile",
]
