"""gluonkit's compiled call, and plain MXNet, hybridized or eager."""

from protocol import Loaded, Task, serve

import gluonkit
import networks
from gluonkit import mx, nd


def load(task: Task) -> Loaded:
    """Return the network as the kind says."""
    if task.kind in ("compiled, naive engine", "compiled, all engines"):
        gluonkit.configure(engine="naive")
    if task.threads:
        gluonkit.configure(threads=task.threads)
    name = task.layers()["network"]
    net = networks.read(task.folder, networks.NETWORKS[name])
    if task.kind.startswith("compiled"):
        # Deep networks round by more than the default allows: as much for us as for the peers.
        tolerance = 1e-4 if networks.NETWORKS[name].deep else None
        options = {"engines": "all"} if task.kind == "compiled, all engines" else {}
        compiled = gluonkit.compile(net, task.arrays()["x"], tolerance=tolerance, **options)
        return Loaded(compiled, gluonkit.__version__, str(compiled.plan))
    if task.kind == "hybridized":
        net.hybridize(static_alloc=True, static_shape=True)
    return Loaded(lambda x: net(nd.array(x, dtype=x.dtype)).asnumpy(), mx.__version__)


if __name__ == "__main__":
    serve(load)
