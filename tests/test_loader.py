"""Batches from arrays: every sample once, in the seed's order, straight into MXNet."""

import random

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gluonkit import mx, seed_everything
from gluonkit.data import BatchLoader, load
from gluonkit.data.loader import LAST
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.system.seeding import derived_seed
from gluonkit.train.sources import LoaderSource, Part
from tests.properties import REPEATABLE


def arrays(samples=10, width=3):
    data = numpy.arange(samples * width, dtype="float32").reshape(samples, width)
    return data, numpy.arange(samples, dtype="int32")


def flat(lists):
    return [item for part in lists for item in part]


def seen(loader):
    return [label.asnumpy().tolist() for _, label in loader]


def test_batches_are_slices_in_order(array_mode):
    data, label = arrays()
    batches = list(BatchLoader((data, label), 4))
    kind = mx.np.ndarray if array_mode == "np" else mx.nd.NDArray
    assert [type(part) for batch in batches for part in batch] == [kind] * 6
    assert numpy.array_equal(numpy.concatenate([x.asnumpy() for x, _ in batches]), data)
    assert [y.asnumpy().tolist() for _, y in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert {numpy.dtype(x.dtype) for x, _ in batches} == {numpy.dtype("float32")}
    assert {numpy.dtype(y.dtype) for _, y in batches} == {numpy.dtype("int32")}


def test_data_and_label_stay_together_when_shuffled():
    data, label = arrays(100)
    for x, y in BatchLoader((data, label), 7, shuffle=True, seed=1):
        assert numpy.array_equal(x.asnumpy(), data[y.asnumpy()])


@st.composite
def loaders(draw):
    """Draw a loader of up to 40 samples, at any epoch, which may roll over or discard."""
    samples = draw(st.integers(1, 40))
    last = draw(st.sampled_from(LAST))
    size = draw(st.integers(1, samples if last != "keep" else 50))
    options = {"shuffle": draw(st.booleans()), "seed": draw(st.integers(0, 99)), "last": last}
    loader = BatchLoader(arrays(samples, width=1), size, **options)
    loader.epoch = draw(st.integers(0, 5))
    return loader


def positions(loader, epoch, **options):
    """Return the positions of the samples of an epoch's batches, as lists."""
    everything = numpy.arange(loader.samples)
    return [everything[indices].tolist() for indices in loader.plan(epoch, **options)]


@REPEATABLE
@given(loader=loaders(), epochs=st.integers(1, 4))
def test_every_sample_comes_once_an_epoch(loader, epochs):
    """With `rollover` an epoch is a cut through a stream, in which all come once in their turn."""
    samples, size = loader.samples, loader.batch_size
    plans = [positions(loader, epoch) for epoch in range(epochs)]
    if loader.last == "rollover":
        stream = flat(flat(plans))
        assert len(stream) == epochs * samples // size * size
        assert all(len(batch) == size for batch in flat(plans))
        for turn in range(0, len(stream), samples):
            part = stream[turn : turn + samples]
            assert len(set(part)) == len(part)
        return
    for plan in plans:
        left = samples % size
        tail = [left] if left and loader.last == "keep" else []
        assert [len(batch) for batch in plan] == [size] * (samples // size) + tail
        assert len(set(flat(plan))) == len(flat(plan))


@REPEATABLE
@given(loader=loaders(), workers=st.integers(2, 5))
def test_workers_have_the_samples_of_one_loader_with_larger_batches(loader, workers):
    size = loader.batch_size * workers
    assume(loader.last == "keep" or size <= loader.samples)
    parts = [Part(rank, workers) for rank in range(workers)]
    everything = numpy.arange(loader.samples)
    whole = loader.plan(loader.epoch, size=size)
    for indices, expected in zip(whole, positions(loader, loader.epoch, size=size), strict=True):
        shares = [everything[part.of(indices)].tolist() for part in parts]
        assert flat(shares) == expected
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
        assert max(map(len, shares)) <= loader.batch_size


@REPEATABLE
@given(loader=loaders(), start=st.integers(0, 45), workers=st.integers(1, 3), data=st.data())
def test_an_epoch_goes_on_at_any_batch(loader, start, workers, data):
    assume(loader.samples >= workers)
    assume(loader.last == "keep" or loader.batch_size * workers <= loader.samples)
    part = Part(data.draw(st.integers(0, workers - 1)), workers)
    source = LoaderSource(loader, "train", labelled=True, part=part)

    def labels(start):
        loader.epoch = epoch
        batches = source.batches(start)
        return [batch.numbers(1).tolist() if batch.size else [] for batch in batches]

    epoch = loader.epoch
    assert labels(start) == labels(0)[start:]


@pytest.mark.parametrize("options", [{"last": "rollover"}, {"last": "discard", "shuffle": True}])
def test_an_epoch_that_fills_no_batch_of_two_workers(options):
    """They take 8 samples at a time, and an epoch has 5."""
    assert positions(BatchLoader(arrays(5), 4, seed=0, **options), 0, size=8) == []


def test_every_epoch_has_every_sample_in_another_order():
    loader = BatchLoader(arrays(50), 8, shuffle=True, seed=5)
    epochs = [flat(seen(loader)) for _ in range(3)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert loader.epoch == 3


def test_the_order_depends_on_seed_and_epoch_alone():
    first = BatchLoader(arrays(50), 8, shuffle=True, seed=5)
    numpy.random.seed(3)
    orders = [seen(first), seen(first)]
    second = BatchLoader(arrays(50), 8, shuffle=True, seed=5)
    assert [seen(second), seen(second)] == orders
    second.epoch = 1
    assert seen(second) == orders[1]
    assert seen(BatchLoader(arrays(50), 8, shuffle=True, seed=6)) != orders[0]


def test_loaders_without_a_seed_follow_seed_everything():
    def orders():
        seed_everything(4)
        one, two = (BatchLoader(arrays(50), 8, shuffle=True) for _ in range(2))
        return seen(one), seen(two), seen(one)

    one, two, again = orders()
    assert orders() == (one, two, again)
    assert one != two
    assert one != again
    loader = BatchLoader(arrays(50), 8, shuffle=True)
    seed_everything(4)
    first = seen(loader)
    seed_everything(4)
    assert seen(loader) == first  # it begins anew with the seed


def test_seed_everything_seeds_all_streams():
    def draw():
        seed_everything(11)
        return (
            random.random(),
            numpy.random.rand(),
            float(mx.nd.random.uniform(shape=1).asscalar()),
        )

    assert draw() == draw()
    assert derived_seed(1, 2, 3) != derived_seed(1, 3, 2)


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(ArgumentError, match=f"`seed` is {seed}; give a whole number from 0 to"):
        seed_everything(seed)


@pytest.mark.parametrize("seed", [1.5, "1", True])
def test_seeds_of_other_types_are_refused(seed):
    with pytest.raises(ArgumentTypeError, match="`seed` is"):
        seed_everything(seed)


def test_what_does_not_fill_a_batch():
    assert [len(y) for y in seen(BatchLoader(arrays(), 4))] == [4, 4, 2]
    discard = BatchLoader(arrays(), 4, last="discard")
    assert seen(discard) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(discard) == 2
    rollover = BatchLoader(arrays(), 4, last="rollover")
    lengths, labels = [], []
    for _ in range(4):
        lengths.append(len(rollover))
        labels += flat(seen(rollover))
    assert labels == list(range(10)) * 4
    assert lengths == [2, 3, 2, 3]


def test_rollover_when_shuffled_loses_nothing():
    loader = BatchLoader(arrays(), 4, last="rollover", shuffle=True, seed=0)
    labels = flat(flat(seen(loader)) for _ in range(4))
    assert sorted(labels) == sorted(list(range(10)) * 4)
    assert all(sorted(labels[i : i + 10]) == list(range(10)) for i in range(0, 40, 10))


@pytest.mark.parametrize("last", ["keep", "discard", "rollover"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_number_of_batches_is_told(last, shuffle):
    loader = BatchLoader(arrays(11), 3, last=last, shuffle=shuffle, seed=0)
    for _ in range(4):
        assert len(loader) == len(list(loader))


def test_images_stay_bytes_until_the_batch():
    images = numpy.arange(2 * 4, dtype="uint8").reshape(2, 1, 2, 2) * 30
    labels = numpy.array([1, 0], dtype="uint8")
    for shuffle in (False, True):
        loader = BatchLoader((images, labels), 2, shuffle=shuffle, seed=0)
        assert loader.arrays[0].dtype == numpy.uint8
        ((x, y),) = loader
        order = [1, 0] if y.asnumpy().tolist() == [0, 1] else [0, 1]
        assert numpy.array_equal(x.asnumpy(), (images[order] / 255).astype("float32"))
        assert y.dtype == numpy.int32


def test_float64_becomes_float32_and_other_types_stay():
    kinds = ("float64", "int64", "float16")
    ((a, b, c),) = BatchLoader([numpy.ones((2, 2), kind) for kind in kinds], 2)
    assert (a.dtype, b.dtype, c.dtype) == (numpy.float32, numpy.int64, numpy.float16)


def test_one_array_gives_arrays_and_mxnets_are_taken(uniform):
    data = uniform(5, 2)
    batches = list(BatchLoader(data, 2))
    assert [batch.shape for batch in batches] == [(2, 2), (2, 2), (1, 2)]
    assert numpy.array_equal(batches[0].asnumpy(), data[:2].asnumpy())


def test_a_data_set_is_taken():
    ((x, y),) = BatchLoader(load("digits").take(5), 5)
    assert (x.shape, y.shape) == ((5, 1, 28, 28), (5,))


def test_a_transform_gets_whole_batches_of_numpy():
    got = []

    def transform(data, label):
        got.append((type(data), data.shape, data.dtype))
        return data.astype("float64") + 1, label

    images = numpy.zeros((5, 2), "uint8")
    batches = list(BatchLoader((images, numpy.arange(5)), 2, transform=transform))
    assert got == [(numpy.ndarray, (n, 2), numpy.uint8) for n in (2, 2, 1)]
    assert all(x.dtype == numpy.float32 and (x.asnumpy() == 1).all() for x, _ in batches)
    assert images.max() == 0


def test_a_transform_may_write_into_what_it_gets():
    data, label = arrays()
    before = data.copy()

    def spoil(data, label):
        data[:] = -1
        return data, label

    list(BatchLoader((data, label), 4, transform=spoil))
    assert numpy.array_equal(data, before)


def test_two_iterations_side_by_side():
    loader = BatchLoader(arrays(), 4, shuffle=True, seed=0)
    pairs = [
        (a[1].asnumpy().tolist(), b[1].asnumpy().tolist())
        for a, b in zip(loader, loader, strict=True)
    ]
    one, two = map(flat, zip(*pairs, strict=True))
    assert sorted(one) == sorted(two) == list(range(10))
    assert one != two


def test_batches_live_longer_than_the_loader():
    data, _ = arrays()
    kept = [x for x, _ in BatchLoader(arrays(), 4, shuffle=True, seed=0)]
    mx.nd.waitall()
    assert sorted(float(v) for x in kept for v in x.asnumpy().ravel()) == data.ravel().tolist()


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ((), {}, "`arrays` is empty"),
        ((numpy.ones(3), numpy.ones(4)), {}, "`arrays` has parts of 3 and 4 samples"),
        (numpy.ones((0, 3)), {}, r"`arrays` has no samples: its shape is \(0, 3\)"),
        ((numpy.float32(3), numpy.ones(1)), {}, r"`arrays\[0\]` is a single number"),
        (numpy.ones(3), {"batch_size": 0}, "`batch_size` is 0; give a whole number from 1"),
        (numpy.ones(3), {"last": "drop"}, "`last` is 'drop'; choose of keep, discard, rollover"),
        (numpy.ones(3), {"batch_size": 4, "last": "discard"}, "leaves no batch"),
    ],
)
def test_bad_values_are_refused(given, options, message):
    with pytest.raises(ArgumentError, match=message):
        BatchLoader(given, **{"batch_size": 2, **options})


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (3, {}, "`arrays` is an int; give"),
        ((["a", "b"],), {}, r"`arrays\[0\]` is a list of <U1; give arrays of numbers"),
        (numpy.ones(3), {"batch_size": 2.0}, "`batch_size` is 2.0, a float"),
        (numpy.ones(3), {"transform": 3}, "`transform` is 3, an int; give a function"),
    ],
)
def test_bad_types_are_refused(given, options, message):
    with pytest.raises(ArgumentTypeError, match=message):
        BatchLoader(given, **{"batch_size": 2, **options})


def test_a_transform_that_loses_samples_is_refused():
    loader = BatchLoader(arrays(), 4, transform=lambda x, y: (x[:2], y))
    with pytest.raises(ArgumentError, match=r"`transform` returned an array of shape \(2, 3\)"):
        next(iter(loader))
