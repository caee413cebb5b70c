"""Functions that written models define where torch has none: their source, by name."""

from __future__ import annotations

HELPERS = {
    "remainder": '''\
def remainder(x, y):
    """Return the remainder with the sign of the divisor; for a divisor of 0 it is 0."""
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    return torch.where(y == 0, 0, x % torch.where(y == 0, 1, y))
''',
    "smooth_l1": '''\
def smooth_l1(x, sigma=1.0):
    """Return a loss that is square near 0, and linear beyond 1 / sigma²."""
    return F.smooth_l1_loss(x, torch.zeros_like(x), reduction="none", beta=1 / sigma**2)
''',
    "cube_root": '''\
def cube_root(x):
    """Return the cube root, which is negative for negative numbers."""
    return torch.sign(x) * torch.abs(x) ** (1 / 3)
''',
    "round_half_away": '''\
def round_half_away(x):
    """Round to the nearest whole number, halves away from zero."""
    whole = torch.trunc(x)
    return torch.where(torch.abs(x - whole) >= 0.5, whole + torch.sign(x), whole)
''',
    "softmax_within": '''\
def softmax_within(x, length, dim=-1):
    """Softmax over the first `length` elements of each row; the others get 0."""
    x = x.movedim(dim, -1)
    inside = torch.arange(x.shape[-1], device=x.device) < length.unsqueeze(-1)
    lowest = torch.finfo(x.dtype).min
    weights = F.softmax(torch.where(inside, x, lowest), dim=-1)
    return torch.where(inside, weights, 0).movedim(-1, dim)
''',
    "sequence_mask": '''\
def sequence_mask(x, length, dim=0, value=0.0):
    """Replace what lies beyond the length of each sequence; the batch is the other leading axis."""
    places = torch.arange(x.shape[dim], device=x.device)
    inside = places < length.unsqueeze(1) if dim == 1 else places.unsqueeze(1) < length
    return torch.where(inside.reshape(*inside.shape, *[1] * (x.dim() - 2)), x, value)
''',
    "sequence_reverse": '''\
def sequence_reverse(x, length):
    """Reverse the first `length` steps of each sequence; x is (time, batch, ...)."""
    places = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    length = length.long()
    turned = torch.where(places < length, length - 1 - places, places)
    return x[turned, torch.arange(x.shape[1], device=x.device)]
''',
    "dropout_along": '''\
def dropout_along(x, p, dims, training=True):
    """Dropout with one draw for all elements along some axes."""
    shape = [1 if dim in dims else size for dim, size in enumerate(x.shape)]
    return x * F.dropout(torch.ones(shape, dtype=x.dtype, device=x.device), p, training)
''',
    "heads_of": '''\
def heads_of(x, heads, parts):
    """Split (time, batch, heads * parts * size) into parts of (batch * heads, time, size)."""
    x = x.unflatten(2, (heads, parts, -1)).permute(3, 1, 2, 0, 4)
    return x.flatten(1, 2).unbind(0)
''',
    "self_attention_scores": '''\
def self_attention_scores(qkv, heads):
    """Return the products of queries and keys, over the root of their size."""
    query, key, _ = heads_of(qkv, heads, 3)
    return torch.bmm(query / query.shape[-1] ** 0.5, key.transpose(1, 2))
''',
    "self_attention_values": '''\
def self_attention_values(qkv, weights, heads):
    """Return the values weighted by attention, (time, batch, heads * size)."""
    values = torch.bmm(weights, heads_of(qkv, heads, 3)[2])
    return values.unflatten(0, (-1, heads)).permute(2, 0, 1, 3).flatten(2)
''',
    "other_attention_scores": '''\
def other_attention_scores(query, keys_and_values, heads):
    """Return the products of queries and keys, over the root of their size."""
    (query,) = heads_of(query, heads, 1)
    key, _ = heads_of(keys_and_values, heads, 2)
    return torch.bmm(query / query.shape[-1] ** 0.5, key.transpose(1, 2))
''',
    "other_attention_values": '''\
def other_attention_values(keys_and_values, weights, heads):
    """Return the values weighted by attention, (time, batch, heads * size)."""
    values = torch.bmm(weights, heads_of(keys_and_values, heads, 2)[1])
    return values.unflatten(0, (-1, heads)).permute(2, 0, 1, 3).flatten(2)
''',
}
