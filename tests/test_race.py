"""Choosing the fastest call, on a clock that only the calls move."""

import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluonkit.compiling.race import Race
from tests.properties import REPEATABLE


class Machine:
    """Calls of known durations; a call behind another one's is slower, noise comes on top."""

    def __init__(self, durations, *, seed=0, noise=0.0, cold=0.0, disturbed=lambda now, name: 1):
        self.now = self.waited = 0.0
        self.durations = dict(enumerate(durations))
        self.calls = []
        self._random = numpy.random.default_rng(seed)
        self._noise, self._cold, self._disturbed = noise, cold, disturbed

    def clock(self):
        return self.now

    def call(self, name):
        def run():
            factor = 1 + self._noise * self._random.exponential()
            if self.calls and self.calls[-1] != name:
                factor += self._cold
            others = self._disturbed(self.now, name)
            self.now += self.durations[name] * factor * others
            self.waited += self.durations[name] * factor * max(0, others - 1)
            self.calls.append(name)

        return run

    def race(self, seconds):
        """Return a race of all calls, and its time."""
        race = Race(self.clock, lambda: self.waited)
        for name in self.durations:
            race.enter(name, self.call(name))
        began = self.now
        race.run(seconds)
        return race, self.now - began

    def chosen(self, seconds=1.0):
        """Return the fastest call by the race."""
        race, _ = self.race(seconds)
        return min(race.left, key=lambda name: race.timings[name].seconds)


durations = st.lists(st.floats(5e-4, 0.05), min_size=1, max_size=20)


class TestWithoutNoise:
    @REPEATABLE
    @given(durations, st.floats(0.001, 2))
    def test_the_fastest_is_left(self, durations, seconds):
        machine = Machine(durations)
        race, _ = machine.race(seconds)
        fastest = min(durations)
        assert min(durations[name] for name in race.left) <= fastest * (1 + 1e-9)
        assert list(race.timings) == list(range(len(durations)))
        for name, timing in race.timings.items():
            assert math.isclose(timing.seconds, durations[name], rel_tol=1e-6)
            assert timing.error is None or timing.error < 1e-9

    def test_threads_of_another_call_do_not_disturb(self):
        """A call whose threads go on for a while slows down another's that comes right after it."""
        ceased = 0.0
        machine = Machine([0.001, 0.0012])
        spins, plain = machine.call(1), machine.call(0)

        def spinning():
            nonlocal ceased
            spins()
            ceased = machine.now + 0.005

        def disturbed():
            if machine.now < ceased:
                machine.now += 0.001
            plain()

        def rest():
            machine.now += 0.005

        race = Race(machine.clock, rest=rest)
        race.enter(0, disturbed)
        race.enter(1, spinning)
        race.run(1.0)
        assert race.left == {0}
        assert math.isclose(race.timings[0].seconds, 0.001)

    def test_nothing_enters(self):
        race, seconds = Machine([]).race(1.0)
        assert (race.timings, race.left, seconds) == ({}, frozenset(), 0)

    def test_one_alone_is_timed_once(self):
        race, seconds = Machine([0.02]).race(1.0)
        assert race.timings[0].turns == 1
        assert seconds == pytest.approx(0.02)

    def test_what_is_much_slower_is_called_a_few_times_only(self):
        machine = Machine([0.001, 0.5])
        machine.race(1.0)
        assert machine.calls.count(1) == 3

    def test_what_is_short_and_much_slower_is_called_for_a_moment(self):
        """As long as another process may have its turn."""
        machine = Machine([0.0005, 0.0025])
        machine.race(1.0)
        assert 0.02 <= 0.0025 * machine.calls.count(1) <= 0.04

    def test_a_call_that_was_dropped_is_no_longer_held(self):
        race, _ = Machine([0.001, 0.5, 0.002]).race(1.0)
        assert race.left == {0}


class TestTime:
    @REPEATABLE
    @given(durations, st.floats(0.001, 2), st.floats(0, 0.3), st.integers(0, 2**32))
    def test_it_ends_in_time(self, durations, seconds, noise, seed):
        """Nothing is begun that would take longer, but for the first round."""
        race, used = Machine(durations, seed=seed, noise=noise).race(seconds)
        turns = sum(timing.turns for timing in race.timings.values())
        if turns > len(durations):
            # A round may last a little longer than the one before it.
            assert used < seconds * (1 + 5 * noise) + 1e-9

    def test_the_close_ones_get_most_of_it(self):
        durations = [0.005 * (1 + 0.02 * place) for place in range(16)]
        race, _ = Machine(durations, seed=1, noise=0.2).race(2.0)
        turns = [race.timings[name].turns for name in range(16)]
        assert max(turns[:2]) >= 3 * sum(turns[8:]) / 8

    def test_it_ends_early_where_all_is_clear(self):
        _, used = Machine([0.001, 0.0012, 0.0013], seed=2, noise=0.02).race(10.0)
        assert used < 0.2


def regrets(durations, seconds=1.0, runs=20, **options):
    """Return by how much the chosen call is slower than the fastest one, for each run."""
    return [
        durations[Machine(durations, seed=seed, **options).chosen(seconds)] / min(durations) - 1
        for seed in range(runs)
    ]


SPREAD = [0.006 * factor for factor in (1.35, 1.1, 1.05, 1, 1.02, 1.07, 1.2, 1.6, 2.5)]
"""Milliseconds of plans as SqueezeNet has them."""


class TestNoise:
    @pytest.mark.parametrize("noise", [0.02, 0.1, 0.2])
    def test_within_3_percent_in_19_of_20_runs(self, noise):
        assert sum(regret > 0.03 for regret in regrets(SPREAD, noise=noise)) <= 1

    def test_the_test_can_fail(self):
        """Of times that say next to nothing, the race finds no best one."""
        assert sum(regret > 0.03 for regret in regrets(SPREAD, noise=5)) > 1

    # The long one, in rounds of one call each, is a ResNet whose weights another plan reorders.
    @pytest.mark.parametrize("seconds", [0.001, 0.04])
    def test_what_comes_behind_others_does_not_count(self, seconds):
        """A call that is slow when it is called behind another is called alone by its user."""
        cold = Machine([seconds, 1.1 * seconds], cold=0.5)
        assert cold.chosen() == 0
        slow = Machine([seconds, 1.1 * seconds], disturbed=lambda now, name: 1)
        first = slow.call(0)
        # The first call of its turn takes twice as long, the others do not.
        race = Race(slow.clock)

        def spoiled():
            if slow.calls and slow.calls[-1] != 0:
                slow.now += seconds
            first()

        race.enter(0, spoiled)
        race.enter(1, slow.call(1))
        race.run(1.0)
        assert race.left == {0}

    def test_a_clock_rate_that_drifts(self):
        drifting = {"disturbed": lambda now, name: 1 - 0.3 * now}
        assert sum(regret > 0.03 for regret in regrets(SPREAD, noise=0.05, **drifting)) <= 1


class TestOtherWork:
    """A program that takes turns with ours makes calls with two threads much slower."""

    @staticmethod
    def hog(begins, ends, *, names, factor=4):
        return lambda now, name: factor if begins <= now < ends and name in names else 1

    @pytest.mark.parametrize(("begins", "ends"), [(0.6, 9), (0.0, 0.4), (0.3, 0.5)], ids=str)
    def test_for_a_part_of_the_time(self, begins, ends):
        # The fastest ones are hit hardest.
        hog = {"disturbed": self.hog(begins, ends, names={2, 3, 4})}
        assert sum(regret > 0.03 for regret in regrets(SPREAD, noise=0.05, **hog)) <= 1

    def test_at_its_entry(self):
        """A call that others had the processor from, for as long as they have it, is not lost."""
        machine = Machine([0.0005, 0.0004])
        spoiled = iter([0.004] * 4)

        def unlucky():
            machine.now += next(spoiled, 0.0)
            machine.call(1)()

        race = Race(machine.clock)
        race.enter(0, machine.call(0))
        race.enter(1, unlucky)
        race.run(1.0)
        assert race.left == {1}


class TestError:
    def test_it_becomes_smaller_with_more_turns(self):
        errors = []
        for seconds in (0.1, 1.0, 10.0):
            race, _ = Machine([0.001, 0.001], seed=3, noise=0.2).race(seconds)
            errors.append(max(timing.error for timing in race.timings.values()))
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 0.01 * 0.001

    def test_the_interval_holds_the_true_quartile(self):
        """95 % of the intervals do, of blocks as a race times them: the faster of two calls."""
        inside = 0
        for seed in range(100):
            race, _ = Machine([0.001, 0.001], seed=seed, noise=0.2).race(0.3)
            timing = race.timings[0]
            # The smaller of two exponential numbers has half their scale.
            quartile = 0.001 * (1 + 0.1 * -math.log(0.75))
            inside += abs(timing.seconds - quartile) <= 2 * timing.error
        assert inside >= 90
