"""Classes and functions that written models define for layers of Gluon's that torch lacks."""

from __future__ import annotations

MODULES = {
    "fixed": '''\
def fixed(module, *names):
    """Return a module, some of whose parameters are not trained."""
    for name in names:
        getattr(module, name).requires_grad_(False)
    return module
''',
    "Moved": '''\
class Moved(nn.Module):
    """Moves an axis to another place."""

    def __init__(self, source, destination):
        super().__init__()
        self.source = source
        self.destination = destination

    def forward(self, x):
        return x.movedim(self.source, self.destination)
''',
    "Whole": '''\
class Whole(nn.Module):
    """Gives whole numbers, as indices must be."""

    def forward(self, x):
        return x.long()
''',
    "Concurrent": '''\
class Concurrent(nn.Sequential):
    """Gives its input to each of its modules, and joins what they give."""

    def __init__(self, *modules, dim=1):
        super().__init__(*modules)
        self.dim = dim

    def forward(self, x):
        return torch.cat([module(x) for module in self], dim=self.dim)
''',
    "AvgPoolInside": '''\
class AvgPoolInside(nn.Module):
    """Average pooling that leaves padding out, of any width."""

    def __init__(self, kernel_size, stride, padding, ceil_mode=False):
        super().__init__()
        self.window = kernel_size, stride, padding, ceil_mode

    def forward(self, x):
        return avg_pool_inside(x, *self.window)
''',
    "DropoutAlong": '''\
class DropoutAlong(nn.Module):
    """Dropout with one draw for all elements along some axes."""

    def __init__(self, p, dims):
        super().__init__()
        self.p = p
        self.dims = dims

    def forward(self, x):
        shape = [1 if dim in self.dims else size for dim, size in enumerate(x.shape)]
        return x * F.dropout(x.new_ones(shape), self.p, self.training)
''',
    "Swish": '''\
class Swish(nn.Module):
    """x * sigmoid(beta * x)."""

    def __init__(self, beta):
        super().__init__()
        self.beta = beta

    def forward(self, x):
        return x * torch.sigmoid(self.beta * x)
''',
    "FrozenBatchNorm": '''\
class FrozenBatchNorm(nn.BatchNorm2d):
    """Batch normalization by its running statistics, in training too."""

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        return F.batch_norm(x, mean, var, self.weight, self.bias, eps=self.eps)
''',
    "GroupNorm": '''\
class GroupNorm(nn.GroupNorm):
    """Group normalization with a scale and a shift for each group, not for each channel."""

    def __init__(self, num_groups, eps=1e-5):
        super().__init__(num_groups, num_groups, eps)

    def forward(self, x):
        groups = F.group_norm(x, self.num_groups, eps=self.eps)
        groups = groups.reshape(len(x), self.num_groups, -1)
        return (groups * self.weight[:, None] + self.bias[:, None]).reshape(x.shape)
''',
    **{
        kind: f'''\
class {kind}(nn.{kind}):
    """Gives the sequence only, without the states."""

    def forward(self, x):
        return super().forward(x)[0]
'''
        for kind in ("RNN", "LSTM", "GRU")
    },
}
