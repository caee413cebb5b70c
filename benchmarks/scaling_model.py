"""What a synchronous step of a distributed training costs: formulas only, nothing is measured here.

A step is computed by every worker at once. Then all push their gradients to the servers, which add
them up and, when the last worker's have come, let all pull the sum; nothing of that overlaps. All
sizes are bytes, all times seconds, all rates bytes a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy

BOUND = 1_000_000
"""MXNET_KVSTORE_BIGARRAY_BOUND: arrays with fewer numbers lie on one server."""

GOODPUT = 0.95
"""What a TCP connection makes of a link's rate, after headers, with packets of 1,500 bytes."""

COMPRESSION = 16
"""How many times smaller MXNet's two bits make what is pushed; what is pulled stays as it is."""

LINK, LATENCY = 10e9 / 8, 1e-4
"""Of each host of the cluster that predictions are for: an assumption."""

PREDICTED = {"mlp": 64, "lenet": 64, "mxnet/resnet50_v1": 32}
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
FASTER = 10
"""What is predicted: networks, with the samples of a worker's batch; workers; how much faster."""


@dataclass(frozen=True)
class Network:
    """What a worker computes in a step, with its own data and no job.

    Attributes
    ----------
    numbers : weights, each four bytes.
    fixed : seconds of a step, whatever its size, without the update.
    sample : seconds of each sample.
    update : seconds of the optimizer for each weight.
    """

    name: str
    numbers: int
    fixed: float
    sample: float
    update: float

    def compute(self, batch: int) -> float:
        """Return the seconds of a step without a job."""
        return self.fixed + batch * self.sample + self.numbers * self.update

    def faster(self, times: float) -> Network:
        """Return the same network on a worker that computes so many times faster."""
        changed = (self.fixed / times, self.sample / times, self.update / times)
        return Network(self.name, self.numbers, *changed)


@dataclass(frozen=True)
class Costs:
    """What processors do for a push and a pull of one array, measured without a network between.

    Attributes
    ----------
    message : seconds of a push and a pull, however small, of one worker and one server.
    each_worker : seconds more for each further worker, whose messages a server takes in turn.
    each_part : seconds more for each further server that holds a part of the array.
    worker_byte : seconds for each byte of the array at the worker.
    server_byte : seconds for each byte of each worker's that a server receives, adds and sends.
    bits_byte : seconds more for each byte, at a worker and for each worker at a server, where
        gradients are compressed: what making and reading two bits takes, less what it saves.
    """

    message: float
    each_worker: float
    each_part: float
    worker_byte: float
    server_byte: float
    bits_byte: float = 0.0

    def round(self, size: float, workers: int, parts: int, compressed: bool = False) -> float:
        """Return the seconds of a push and a pull of `size` bytes, without a network."""
        fixed = self.message + (workers - 1) * self.each_worker + (parts - 1) * self.each_part
        bits = self.bits_byte * (1 + workers / parts) if compressed else 0.0
        return fixed + size * (self.worker_byte + workers / parts * self.server_byte + bits)


@dataclass(frozen=True)
class Cluster:
    """Workers, servers, and the links between them; each link as fast in both directions.

    Attributes
    ----------
    workers, servers : how many.
    link : bytes a second of each host; None for one machine, whose memory is the network.
    latency : seconds one way.
    beside : whether servers share hosts, and links, with the workers, one to a host.
    bound : numbers from which on an array is divided among all servers.
    slowdown : how many times slower workers compute, where they share cores.
    """

    workers: int
    servers: int = 1
    link: float | None = None
    latency: float = 0.0
    beside: bool = True
    bound: int = BOUND
    slowdown: float = 1.0

    def parts(self, numbers: int) -> int:
        """Return how many servers hold a part of an array."""
        return self.servers if numbers >= self.bound else 1

    def wire(self, size: float, parts: int) -> float:
        """Return the seconds that `size` bytes of every worker take to the servers, or back.

        The slower of two links: a server's, on which all workers meet, and a worker's.
        """
        if self.link is None:
            return 0.0
        meeting = (self.workers - self.beside) / parts
        # A worker that has a server beside it sends it nothing over the link; one that has none
        # sends everything.
        alone = self.beside and parts >= self.workers
        own = 1 - 1 / parts if alone else 1.0
        return size * max(meeting, own) / (self.link * GOODPUT)


@dataclass(frozen=True)
class Step:
    """A step's seconds by what they are for; `total` is their sum."""

    compute: float
    processors: float
    wire: float
    latency: float

    @property
    def total(self) -> float:
        """Return the seconds of the step."""
        return self.compute + self.processors + self.wire + self.latency


def step(
    network: Network,
    costs: Costs,
    cluster: Cluster,
    batch: int,
    *,
    accumulate: int = 1,
    compressed: bool = False,
) -> Step:
    """Return what an update costs: `accumulate` batches of each worker, and one exchange."""
    size, parts = 4.0 * network.numbers, cluster.parts(network.numbers)
    pushed = size / COMPRESSION if compressed else size
    ways = 4 if compressed else 2  # a push and a pull in one request, or in two
    compute = network.compute(batch) + (accumulate - 1) * (network.fixed + batch * network.sample)
    return Step(
        compute=compute * cluster.slowdown,
        processors=costs.round(size, cluster.workers, parts, compressed),
        wire=cluster.wire(pushed, parts) + cluster.wire(size, parts),
        latency=ways * cluster.latency if cluster.workers > 1 or not cluster.beside else 0.0,
    )


def epoch(network: Network, costs: Costs, cluster: Cluster, batch: int, steps: int) -> float:
    """Return the seconds of an epoch of `fit`: its steps, then the weights made equal."""
    one_step = step(network, costs, cluster, batch)
    return steps * one_step.total + (one_step.total - one_step.compute)


def speed(network: Network, costs: Costs, cluster: Cluster, batch: int, **options: Any) -> float:
    """Return samples a second of all workers together."""
    samples: int = cluster.workers * batch * options.get("accumulate", 1)
    return samples / step(network, costs, cluster, batch, **options).total


def efficiency(
    network: Network, costs: Costs, cluster: Cluster, batch: int, **options: Any
) -> float:
    """Return the speed as a part of what as many workers would reach that need not exchange."""
    ideal = cluster.workers * batch / network.compute(batch)
    return speed(network, costs, cluster, batch, **options) / ideal


@dataclass(frozen=True)
class Round:
    """One measured push and pull: bytes of the array, workers, parts of the array, seconds."""

    size: float
    workers: int
    parts: int
    seconds: float


def fitted(rounds: Iterable[Round]) -> Costs:
    """Return the costs that come nearest to measured rounds, by least squares of relative errors.

    A cost that would be negative is set to zero, and the others are fitted again.
    """
    rows, ones = [], []
    for measured in rounds:
        share = measured.size * measured.workers / measured.parts
        row = (1.0, measured.workers - 1, measured.parts - 1, measured.size, share)
        rows.append([number / measured.seconds for number in row])
        ones.append(1.0)
    matrix, used = numpy.array(rows), list(range(5))
    while True:
        scale = numpy.linalg.norm(matrix[:, used], axis=0)  # seconds and bytes are far apart
        solution = numpy.linalg.lstsq(matrix[:, used] / scale, numpy.array(ones), rcond=None)[0]
        if (solution >= 0).all():
            break
        used.pop(int(solution.argmin()))
    values = numpy.zeros(5)
    values[used] = solution / scale
    return Costs(*values.tolist())


def best_servers(
    network: Network, costs: Costs, cluster: Cluster, batch: int, choices: Sequence[int]
) -> int:
    """Return with how many servers the cluster is fastest."""

    def seconds(servers: int) -> float:
        return step(network, costs, _with_servers(cluster, servers), batch).total

    return min(choices, key=seconds)


def _with_servers(cluster: Cluster, servers: int) -> Cluster:
    return replace(cluster, servers=servers)


def assumed(workers: int, servers: int, bound: int = BOUND) -> Cluster:
    """Return so many workers of the assumed cluster."""
    return Cluster(workers, servers, LINK, LATENCY, bound=bound)


def powers(workers: int) -> list[int]:
    """Return numbers of servers to try: powers of two, and as many as there are workers."""
    return sorted({2**n for n in range(11) if 2**n <= workers} | {workers})


def predicted(networks: Mapping[str, Network], costs: Costs) -> list[dict[str, Any]]:
    """Return speeds and efficiencies of the assumed cluster, a row for each size of it."""
    return [
        {"network": name, "batch": batch, "faster": faster}
        | _predicted(networks[name].faster(faster), costs, workers, batch)
        for name, batch in PREDICTED.items()
        for faster in (1, FASTER)
        for workers in COUNTS
    ]


def _predicted(network: Network, costs: Costs, workers: int, batch: int) -> dict[str, Any]:
    divided = assumed(workers, 1, bound=1)
    best = best_servers(network, costs, divided, batch, powers(workers))
    clusters = {
        "one": assumed(workers, 1),
        "each": assumed(workers, workers),
        "best": assumed(workers, best, bound=1),
    }
    row: dict[str, Any] = {"workers": workers, "servers": best, "numbers": network.numbers}
    for title, cluster in clusters.items():
        row[title] = asdict(step(network, costs, cluster, batch))
        row[title]["speed"] = speed(network, costs, cluster, batch)
        row[title]["efficiency"] = efficiency(network, costs, cluster, batch)
    return row


def settings(networks: Mapping[str, Network], costs: Costs) -> list[dict[str, Any]]:
    """Return what one setting after the other changes, for a large and a small network."""
    rows = []
    for name, workers in (("mxnet/resnet50_v1", 64), ("mlp", 16)):
        network, batch = networks[name], PREDICTED[name]
        for title, cluster, size, options in _tried(network, costs, workers, batch):
            rate = speed(network, costs, cluster, size, **options)
            row: dict[str, Any] = {"network": name, "workers": workers, "setting": title}
            row["update"] = workers * size * options.get("accumulate", 1)
            row["speed"] = rate
            row["efficiency"] = rate * network.compute(batch) / (workers * batch)
            rows.append(row)
    return rows


def _tried(
    network: Network, costs: Costs, workers: int, batch: int
) -> list[tuple[str, Cluster, int, dict[str, int]]]:
    divided = assumed(workers, 1, bound=1)
    best = best_servers(network, costs, divided, batch, powers(workers))
    one, many = assumed(workers, 1), assumed(workers, best, bound=1)
    servers = f"`-s {best}`" + ("" if network.numbers >= BOUND else ", bound lowered")
    return [
        ("one server", one, batch, {}),
        (servers, many, batch, {}),
        (f"`batch_size={4 * batch}`", one, 4 * batch, {}),
        ("`accumulate=4`", one, batch, {"accumulate": 4}),
        ("2 bits", one, batch, {"compressed": True}),
        (f"{servers}, `accumulate=4`", many, batch, {"accumulate": 4}),
    ]
