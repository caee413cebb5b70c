"""Names of parameters: paths that are unique and lead back, and MXNet's names up to counters."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from gluonkit import nn
from gluonkit.checkpoint.names import by_prefix, by_structure
from gluonkit.checkpoint.network import slots_of
from gluonkit.tracing.tree import own_parameters
from tests.properties import REPEATABLE

LAYERS = {"dense": lambda prefix: nn.Dense(2, prefix=prefix), "norm": nn.BatchNorm}
PREFIXES = {"a_b": "a_b_", "é": "é1_"}
"""Of the blocks that are not named by counters, by their names as children."""
NAMES = st.sampled_from(["a", "b", "a_b", "weight", "dense", "dense0", "0", "00", "é"])
TREES = st.recursive(
    st.sampled_from(list(LAYERS)),
    lambda parts: st.dictionaries(NAMES, parts, min_size=1, max_size=4),
    max_leaves=8,
).filter(lambda tree: isinstance(tree, dict))


def grown(tree, prefix=None):
    """Return a network of a tree of names; MXNet names its parameters by prefixes and counters."""
    net = nn.HybridSequential(prefix=prefix)
    with net.name_scope():
        for name, part in tree.items():
            made = LAYERS[part] if isinstance(part, str) else partial(grown, part)
            net.register_child(made(prefix=PREFIXES.get(name)), name)
    return net


@REPEATABLE
@given(tree=TREES)
def test_paths_are_unique_and_lead_back_to_the_parameter(tree):
    net = grown(tree)
    slots = slots_of(net)
    assert len({slot.path for slot in slots}) == len(slots)
    assert len(slots) == len(net.collect_params().keys())
    for slot in slots:
        *blocks, name = slot.path.split(".")
        block = net
        for child in blocks:
            block = block._children[child]
        assert own_parameters(block)[name] is slot.parameter
    names = [slot.path for slot in slots]
    assert by_structure(names, slots) == {name: number for number, name in enumerate(names)}


@REPEATABLE
@given(
    tree=TREES,
    prefixes=st.tuples(*[st.sampled_from([None, "", "net_", "other_"])] * 2),
    shuffled=st.randoms(use_true_random=False),
)
def test_mxnets_names_of_the_same_network_made_anew_are_matched(tree, prefixes, shuffled):
    """Its counters go on from network to network, and the outermost prefix may be another."""
    one, other = (slots_of(grown(tree, prefix)) for prefix in prefixes)
    names = [slot.parameter.name for slot in one]
    expected = {name: number for number, name in enumerate(names)}
    shuffled.shuffle(names)
    assert by_prefix(names, other) == expected
