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
    "avg_pool_inside": '''\
def avg_pool_inside(x, kernel, stride, padding, ceil_mode=False):
    """Average the numbers in each window; padding, of any width, is left out."""
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[x.dim() - 3]
    pad = [width for one in reversed(padding) for width in (one, one)]

    def averaged(x):
        return pool(F.pad(x, pad), kernel, stride, ceil_mode=ceil_mode)

    return averaged(x) / averaged(torch.ones_like(x[:1, :1]))
''',
    "unroll": '''\
def unroll(cell, x, states=None, dim=0):
    """Call a recurrent cell with each step of x; return all its outputs, and its last states."""
    outputs = []
    for step in x.unbind(dim):
        states = cell(step, states)
        outputs.append(states[0] if isinstance(states, tuple) else states)
    return torch.stack(outputs, dim), states
''',
    "unroll_block": '''\
def unroll_block(cell, x, states, dim=0):
    """Call a cell that gives (output, states) with each step of x; return the same of all steps."""
    outputs = []
    for step in x.unbind(dim):
        output, states = cell(step, states)
        outputs.append(output)
    return torch.stack(outputs, dim), states
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
    "box_nms": '''\
def box_nms(
    x,
    overlap,
    least,
    count=-1,
    coordinates=2,
    score=1,
    kind=-1,
    background=-1,
    together=False,
    centers=False,
):
    """Keep the best boxes that do not overlap better ones; rows that are left are -1.

    Boxes of other kinds do not count, unless all are taken together.
    """
    results = []
    for rows in x:
        valid = rows[:, score] > least
        if kind >= 0 and background >= 0:
            valid = valid & (rows[:, kind] != background)
        rows = rows[valid]
        order = torch.argsort(rows[:, score], descending=True, stable=True)
        rows = rows[order[:count] if count > 0 else order]
        boxes = rows[:, coordinates : coordinates + 4].detach()
        if centers:
            half = boxes[:, 2:] / 2
            boxes = torch.cat((boxes[:, :2] - half, boxes[:, :2] + half), dim=1)
        low = torch.maximum(boxes[:, None, :2], boxes[:, :2])
        high = torch.minimum(boxes[:, None, 2:], boxes[:, 2:])
        shared = (high - low).clamp(min=0).prod(-1)
        areas = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1)
        rivals = shared > overlap * (areas[:, None] + areas - shared)
        if kind >= 0 and not together:
            rivals = rivals & (rows[:, None, kind] == rows[:, kind])
        kept = torch.ones(len(rows), dtype=torch.bool, device=x.device)
        for place in range(len(rows)):
            if kept[place]:
                kept[place + 1 :] &= ~rivals[place, place + 1 :]
        rows = rows[kept]
        results.append(F.pad(rows, (0, 0, 0, x.shape[1] - len(rows)), value=-1.0))
    return torch.stack(results)
''',
    "box_decode": '''\
def box_decode(x, anchors, stds=(1, 1, 1, 1), clip=None, corners=False):
    """Return the corners of boxes that are given relative to anchors."""
    if corners:
        size = anchors[..., 2:] - anchors[..., :2]
        center = anchors[..., :2] + size / 2
    else:
        center, size = anchors[..., :2], anchors[..., 2:]
    x = x * torch.tensor(stds, dtype=x.dtype, device=x.device)
    middle = x[..., :2] * size + center
    growth = x[..., 2:] if clip is None else x[..., 2:].clamp(max=clip)
    half = torch.exp(growth) * size / 2
    return torch.cat((middle - half, middle + half), dim=-1)
''',
    "box_anchors": '''\
def box_anchors(x, sizes, ratios, steps=None, offsets=(0.5, 0.5), clip=False):
    """Return the corners of boxes of all sizes, and of all ratios, around each pixel."""
    height, width = x.shape[2:]
    steps = (1 / height, 1 / width) if steps is None else steps
    given = dict(dtype=x.dtype, device=x.device)
    rows = (torch.arange(height, **given) + offsets[0]) * steps[0]
    columns = (torch.arange(width, **given) + offsets[1]) * steps[1]
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    shapes = [(size, ratios[0]) for size in sizes]
    shapes += [(sizes[0], ratio) for ratio in ratios[1:]]
    boxes = []
    for size, ratio in shapes:
        w, h = size * height / width * ratio**0.5 / 2, size / ratio**0.5 / 2
        boxes.append(torch.stack((x - w, y - h, x + w, y + h), dim=-1))
    boxes = torch.stack(boxes, dim=2).reshape(1, -1, 4)
    return boxes.clamp(0, 1) if clip else boxes
''',
}
