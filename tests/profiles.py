"""What tests of profiles share: a peak that is not measured, and checks that parts add up."""

from contextlib import contextmanager

import pytest

from gluonkit.profiling import Peak, measuring

SECONDS = 0.01  # three passes are made in any case


PEAK = Peak(1e11, 1e10, 5e10, "a processor")


@contextmanager
def peak_unmeasured():
    """Do not measure the processor's peak."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "measured_peak", lambda: PEAK)
        yield


def by_path(report):
    return {layer.path: layer for layer in report.layers if layer.kind}


def counts(report, phase="forward"):
    """Return how often each layer ran each operator, without what MXNet does beside them."""
    return {
        (layer.path, one.name): one.calls
        for layer in report.layers
        for one in layer.operators
        if one.phase == phase and one.name not in ("SetValueOp", "CopyCPU2CPU")
    }


def check_sums(report):
    """Check that parts add up: operators to layers, layers to what is above, all to the whole."""
    total = 0.0
    for index, layer in enumerate(report.layers):
        own = {"forward": 0.0, "backward": 0.0}
        for one in layer.operators:
            own[one.phase] += one.seconds
        assert layer.own_forward == pytest.approx(own["forward"])
        assert layer.own_backward == pytest.approx(own["backward"])
        below = [layer]
        for other in report.layers[index + 1 :]:
            if other.depth <= layer.depth:
                break
            below.append(other)
        assert layer.forward == pytest.approx(sum(one.own_forward for one in below))
        assert layer.backward == pytest.approx(sum(one.own_backward for one in below))
        assert layer.bytes == sum(one.own_bytes for one in below)
        total += layer.own_seconds
    assert total + report.unattributed == pytest.approx(report.operators_seconds)
    assert report.residue == pytest.approx(report.unattributed / report.operators_seconds, abs=1e-9)
    assert report.seconds == pytest.approx(report.operators_seconds + report.between)
    in_trace = sum(one.seconds for one in report.slices)
    assert 0 < in_trace < 100 * report.operators_seconds
