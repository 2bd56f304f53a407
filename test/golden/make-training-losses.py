"""Numbers of PyTorch for the tests of training: AdamW, LAMB on top of it, clipping, the alignment loss and its gradient.

Usage: python test/golden/make-training-losses.py > test/golden/training-losses.json   (PyTorch, any version from 2.0 on)
"""

import json

import torch

torch.manual_seed(3)


def adamw(steps, decay):
    p = torch.nn.Parameter(torch.tensor([0.5, -1.25, 2.0, 0.0]))
    start = p.detach().tolist()
    optimizer = torch.optim.AdamW([p], lr=1e-2, weight_decay=decay)
    gradients, values = [], []
    for _ in range(steps):
        gradient = torch.randn(4)
        gradients.append(gradient.tolist())
        p.grad = gradient.clone()
        optimizer.step()
        values.append(p.detach().tolist())
    return {"rate": 1e-2, "decay": decay, "start": start, "gradients": gradients, "values": values}


def lamb(steps, decay):
    """LAMB's layer of two tensors. Its moves are those of PyTorch's Adam at a rate of 1, seen on a parameter of zeros."""
    generator = torch.Generator().manual_seed(4)
    layer = [torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)]
    start = [p.tolist() for p in layer]
    seen = [torch.nn.Parameter(torch.zeros_like(p)) for p in layer]
    optimizer = torch.optim.Adam(seen, lr=1.0)
    gradients, values = [], []
    for _ in range(steps):
        before = [p.detach().clone() for p in seen]
        for p in seen:
            p.grad = torch.randn(p.shape, generator=generator).double()
        gradients.append([p.grad.tolist() for p in seen])
        optimizer.step()
        moves = [old - new.detach() + decay * p for old, new, p in zip(before, seen, layer)]
        ratio = torch.cat(layer).norm() / torch.cat(moves).norm()
        layer = [p - 1e-2 * ratio * move for p, move in zip(layer, moves)]
        values.append([p.tolist() for p in layer])
    return {"rate": 1e-2, "decay": decay, "start": start, "gradients": gradients, "values": values}


def clipped():
    p = torch.nn.Parameter(torch.zeros(5))
    q = torch.nn.Parameter(torch.zeros(3))
    p.grad, q.grad = torch.randn(5) * 2, torch.randn(3) * 2
    given = [p.grad.tolist(), q.grad.tolist()]
    norm = torch.nn.utils.clip_grad_norm_([p, q], 1.0).item()
    return {"given": given, "norm": norm, "clipped": [p.grad.tolist(), q.grad.tolist()]}


def alignment():
    encoded = torch.randn(5, 4, dtype=torch.float64).float()
    projected = torch.randn(5, 6, dtype=torch.float64).float()
    result = {"encoded": encoded.tolist(), "projected": projected.tolist()}
    for name in ("mean-square", "frobenius"):
        p = projected.double().requires_grad_()
        g_p, g_e = (torch.nn.functional.normalize(x, dim=1) for x in (p, encoded.double()))
        difference = g_p @ g_p.T - g_e @ g_e.T
        loss = (difference**2).mean() if name == "mean-square" else torch.linalg.norm(difference) / 2**0.5
        loss.backward()
        result[name] = {"loss": loss.item(), "gradient": p.grad.tolist()}
    return result


def contrast():
    own = torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.softplus((own - 2.0 + 0.1) / 0.5)
    loss.backward()
    return {"own": 2.5, "other": 2.0, "margin": 0.1, "temperature": 0.5, "loss": loss.item(), "slope": own.grad.item()}


print(
    json.dumps(
        {
            "adamw": [adamw(1, 0.0), adamw(10, 0.0), adamw(10, 0.1)],
            "lamb": [lamb(10, 0.0), lamb(10, 0.1)],
            "clipped": clipped(),
            "alignment": alignment(),
            "contrast": contrast(),
        },
        indent=1,
    )
)
