"""The networks as the tutorials print them: each a registered model, its options and its input.

This is what ``gluonkit bench`` runs when no network is named.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TutorialNetwork:
    """One network of the tutorials.

    Attributes
    ----------
    title : str
        Its name in the tutorial.
    model : str
        Registered model with its options, as `create_model` and `bench` take it.
    input_shape, output_shape : tuple of int
        Shapes in the tutorial's example; ``()`` for a scalar.
    parameters : int
        Number of elements of all parameters and constants, each shared array once.
    """

    title: str
    model: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int


TUTORIAL_NETWORKS = (
    TutorialNetwork("MLP 5-25-2", "mlp(units=(5, 25), classes=2)", (10, 3), (10, 2), 222),
    TutorialNetwork("MLP 256-10", "mlp", (2, 20), (2, 10), 7_946),
    TutorialNetwork("MLP 256-128-2", "mlp(units=(256, 128), classes=2)", (1, 512), (1, 2), 164_482),
    TutorialNetwork("MLP 128-64-10", "mlp(units=(128, 64))", (64, 784), (64, 10), 109_386),
    TutorialNetwork("LeNet 3×3", "lenet(kernel_sizes=(3, 3))", (1, 1, 28, 28), (1, 10), 60_074),
    TutorialNetwork("LeNet 5×5, 3×3", "lenet", (4, 1, 28, 28), (4, 10), 60_170),
    TutorialNetwork("LeNet 5×5", "lenet(kernel_sizes=(5, 5))", (10, 1, 32, 32), (10, 10), 61_706),
    TutorialNetwork("MixMLP", "mix_mlp", (2, 2), (2, 5), 50),
    TutorialNetwork("FancyMLP", "fancy_mlp", (2, 20), (), 820),
    TutorialNetwork("NestMLP", "nest_mlp", (2, 20), (2, 16), 3_952),
    TutorialNetwork("chimera", "chimera", (2, 20), (), 5_112),
    TutorialNetwork("rgnet", "rgnet", (2, 20), (2, 10), 4_586),
    TutorialNetwork("tied MLP", "tied_mlp", (2, 20), (2, 10), 330),
)
