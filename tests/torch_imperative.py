"""Networks for `export_torch` whose code does not take symbols: shapes, loops, plain Blocks."""

from mxnet import nd
from mxnet.gluon import rnn

from gluonkit import autograd, gluon, nn


class Grouped(gluon.HybridBlock):
    """Takes numbers from shapes, as ShuffleNet and attention do."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(6, 3, padding=1)
        self.out = nn.Dense(3)

    def hybrid_forward(self, F, x):
        h = self.conv(x)
        batch, channels, height, width = h.shape
        h = F.reshape(h, shape=(batch, channels // 2, 2, height * width))
        h = F.swapaxes(h, 1, 2).reshape((batch * 2, channels // 2, height, width))
        return self.out(h.reshape((batch, -1))) / batch


class Plain(gluon.Block):
    """Calls functions of arrays, has a constant, and tells rows by number."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Dense(4, flatten=False)
        self.scale = self.params.get("scale", shape=(4,))

    def forward(self, x):
        y = nd.relu(self.inner(x))
        mask = nd.array([[1.0, 0.0, 1.0, 1.0]])
        y = nd.broadcast_mul(y, mask) * self.scale.data()
        first, last = y[:, 0], y[:, -1:, 1:3]
        start = nd.zeros((x.shape[0], 4)) + first
        joined = nd.concat(start, last.reshape((x.shape[0], -1)), dim=1)
        if x.shape[0] > 100:
            joined = joined * 2
        joined += 1
        return joined, nd.arange(x.shape[0])


class Active(gluon.Block):
    """Has layers with activations, and makes an array for the batch that nobody uses."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(4, activation="relu")
        self.out = nn.Dense(2, activation="tanh")

    def forward(self, x):
        nd.array(range(x.shape[0])) * 2
        return self.out(self.dense(x) * 2)


class Begins(gluon.Block):
    """Makes the states of a layer itself."""

    def __init__(self):
        super().__init__()
        self.lstm = rnn.LSTM(5)
        self.out = nn.Dense(2)

    def forward(self, x):
        states = self.lstm.begin_state(batch_size=x.shape[1])
        y, states = self.lstm(x, states)
        return self.out(y[-1]).softmax()


class Steps(gluon.Block):
    """Calls a cell in a loop over the time."""

    def __init__(self):
        super().__init__()
        self.cell = rnn.GRUCell(4)

    def forward(self, x):
        states = self.cell.begin_state(batch_size=x.shape[0])
        outputs = []
        for step in range(x.shape[1]):
            y, states = self.cell(x[:, step], states)
            outputs.append(y)
        return nd.stack(*outputs, axis=1)


class Outer(gluon.Block):
    """Calls a block twice, whose code does not take symbols, and one that does."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(6)
        self.halves = Halves()

    def forward(self, x):
        return self.halves(self.halves(self.dense(x)))


class Halves(gluon.Block):
    """Swaps the halves of rows, with a constant of its own."""

    def forward(self, x):
        half = x.shape[1] // 2
        shift = nd.array([0.5, -1.5])[0]
        return nd.concat(x[:, half:], x[:, :half], dim=1) + shift


class Arrays(gluon.HybridBlock):
    """Takes shapes in NumPy mode."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(6)

    def hybrid_forward(self, F, x):
        y = self.dense(x)
        y = y.reshape(x.shape[0], 2, 3)[:, 1]
        sides = F.np.zeros((x.shape[0], 1)), F.np.ones((y.shape[0], 1))
        joined = F.np.concatenate([y, *sides], axis=1)
        return joined + F.np.arange(x.shape[0]).reshape(-1, 1)


def lambdas():
    """Return a plain Sequential with functions that take shapes."""
    net = nn.Sequential()
    net.add(
        nn.Dense(6),
        nn.Lambda(lambda x: nd.reshape(x, (x.shape[0], 2, 3))),
        nn.HybridLambda(lambda F, x: x.swapaxes(1, 2)[:, 0]),
        nn.Dense(2),
    )
    return net


class Reading(gluon.Block):
    """Lets numbers decide."""

    def forward(self, x):
        return x if x.sum().asscalar() > 0 else -x


class Writing(gluon.Block):
    """Writes into what it has computed."""

    def forward(self, x):
        y = x * 2
        y[:, 0] = 1
        return y


class Drawing(gluon.Block):
    """Adds noise."""

    def forward(self, x):
        return x + nd.random.normal(shape=x.shape)


class Training(gluon.Block):
    """Normalizes by the batch where it predicts, and has one array as mean and as offset."""

    def forward(self, x):
        with autograd.train_mode():
            ones, zeros = nd.ones(x.shape[1]), nd.zeros(x.shape[1])
            return nd.BatchNorm(x, ones, zeros, zeros, ones)


class Separate(gluon.Block):
    """Computes each sample by itself."""

    def forward(self, x):
        return nd.concat(*[x[row : row + 1] for row in range(x.shape[0])], dim=0)


class Counted(gluon.Block):
    """Makes an array of as many numbers as there are samples."""

    def forward(self, x):
        return x + nd.array(range(x.shape[0])).reshape((-1, 1))


class Squared(gluon.Block):
    """Takes a number from the batch that its arrays' shapes do not tell."""

    def forward(self, x):
        return x * (x.shape[0] ** 2 + 1)
