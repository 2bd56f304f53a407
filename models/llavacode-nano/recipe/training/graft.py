"""Gives a trained decoder attention heads that copy: a second group of heads in every layer.

A line that stands in the retrieved text helps a decoder only if it can copy, and copying needs two heads in
a row (Olsson et al., "In-context learning and induction heads", arXiv 2209.11895): one that writes at every
position which token came before it, and one in a later layer that looks for positions after tokens like the
present one and promotes what stands there.  Small decoders find this pair only after very much text.  Here
it is built:

- layer 0: the new heads attend 0, 1, 2 and 3 positions back, by biases alone (rotary positions turn a constant
  query and key into a function of the distance), and write codes of those tokens into new coordinates of the
  residual stream;
- later layers: keys and queries are ridge regressions of "codes of the last two tokens, seen from the next
  position" and "codes of the last two tokens", in the slowly turning rotary pairs, which hardly depend on the
  distance; values and outputs pass the token's embedding on.

Then only the new heads are trained, on code that is repeated after other code, for the configuration's
``graft.steps``.  The rotary base grows at the same time (the configuration's ``rope_theta``), so that there are
enough slow pairs; the cross entropy that this costs comes back within the first minutes of training.

Usage: python -m training.graft --data DIR --work DIR --config FILE --bundle FOLDER
Writes ``<work>/grafted.safetensors`` for ``train_decoder.py --init`` and ``<work>/graft-curve.jsonl``, and prints
what repeated code costs.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from data.samples import Samples
from training.induction import code_losses, copying_costs, repeated
from training.model import Decoder, head_dim, weights

CODE = 32  # width of a token's code
SECOND = 0.7  # weight of the code of the token before the last one
FAST_PAIRS, SHARPNESS = 8, 14.0  # rotary pairs that point to a distance, and their score
GAIN = 4.0  # of a code in the residual stream
PASS = 15.0  # of a copied embedding
COPYING, MATCH = 2, 3.0  # heads of a later layer that copy, and the scale of their queries
RIDGE = 1e-5


@torch.no_grad()
def widen(model, old, c, before):
    """Copies the weights ``old`` of the smaller decoder ``before`` without changing what it computes.

    The residual stream gets new coordinates behind the old ones, which nothing writes to and which the old parts do
    not read; heads that are new get zero outputs.
    """
    width, small = head_dim(c), before["hidden_size"]
    shrink = (small / c["hidden_size"]) ** 0.5  # the root mean square is over more coordinates now, the new ones zero
    for name, p in model.named_parameters():
        value = old[name]
        if value.ndim == 1 and "norm" in name:
            p.fill_(1.0)
            p[:small] = value * shrink
        elif name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight")):
            p[: len(value)] = 0
            p[: len(value), :small] = value
        elif value.ndim == 1:
            p[: len(value)] = value
        else:
            p.zero_()
            p[: len(value), : value.shape[1]] = value


def new_parts(model, before, width):
    """(parameter, index of its new part) of every attention projection."""
    heads, kv = before["num_attention_heads"] * width, before["num_key_value_heads"] * width
    for layer in model.model["layers"]:
        for name, start in (("q_proj", heads), ("k_proj", kv), ("v_proj", kv)):
            yield layer.self_attn[name].weight, (slice(start, None),)
            yield layer.self_attn[name].bias, (slice(start, None),)
        yield layer.self_attn["o_proj"].weight, (slice(None), slice(heads, None))


def protect(model, c, before):
    """Keeps everything but the first layer's new heads from writing to the new coordinates, in all further training.

    What the old parts write to the stream is many times as large as the codes, so that small changes of their weights
    would bury them.
    """
    small, old = before["hidden_size"], before["num_attention_heads"] * head_dim(c)
    for i, layer in enumerate(model.model["layers"]):
        for p, end in ((layer.self_attn["o_proj"].weight, old if i == 0 else None), (layer.mlp["down_proj"].weight, None)):
            mask = torch.ones_like(p)
            mask[small:, :end] = 0
            p.register_hook(lambda grad, mask=mask: grad * mask)


@torch.no_grad()
def streams(model, ids):
    """Normed inputs of the attention of every layer, [layers][B, T, C], for ids [B, T]."""
    normed = []
    hooks = [
        layer.input_layernorm.register_forward_hook(lambda _, __, output: normed.append(output))
        for layer in model.model["layers"]
    ]
    model(model.embed(ids))
    for hook in hooks:
        hook.remove()
    return normed


def ridge(x, y):
    """(W [out, in], bias [out]) of the linear map from rows x [n, in] to rows y [n, out]."""
    mx, my = x.mean(0), y.mean(0)
    a = x - mx
    gram = a.T @ a / len(a)
    scale = RIDGE * gram.diagonal().mean()
    w = torch.linalg.solve(gram + scale * torch.eye(len(gram)), a.T @ (y - my) / len(a)).T
    return w, my - w @ mx


def shifted(x, by):
    """x [B, T, C] moved ``by`` positions to the right, zeros in front."""
    return F.pad(x, (0, 0, by, 0))[:, : x.shape[1]]


@torch.no_grad()
def build(model, before, c, ids, rng):
    """Writes the heads' starting weights, from the activations of ``ids`` [B, T]."""
    width, heads, kv = head_dim(c), before["num_attention_heads"], before["num_key_value_heads"]
    group = (c["num_attention_heads"] - heads) // (c["num_key_value_heads"] - kv)
    q0, k0 = heads * width, kv * width
    half = width // 2
    layers = model.model["layers"]
    embedding = model.model["embed_tokens"].weight
    normed = streams(model, ids)

    # Codes: a random projection of the first layer's normed input, in which different tokens are unlike.
    flat = normed[0].flatten(0, 1)
    mean = flat.mean(0)
    project = torch.as_tensor(np.linalg.qr(rng.normal(size=(flat.shape[1], CODE)))[0].T, dtype=torch.float32)
    project = project * (CODE / ((flat - mean) @ project.T).pow(2).sum(1).mean()) ** 0.5
    turn = torch.as_tensor(np.linalg.qr(rng.normal(size=(CODE, CODE)))[0], dtype=torch.float32)
    code = (normed[0] - mean) @ project.T
    before_1, before_2 = shifted(code, 1), shifted(code, 2)

    channel = torch.eye(c["hidden_size"])[:, before["hidden_size"] :]
    last, present = channel.split(CODE, 1)

    a = layers[0].self_attn
    a["q_proj"].weight[q0:] = 0
    a["k_proj"].weight[k0:] = 0
    size = (SHARPNESS * width**0.5) ** 0.5
    a["k_proj"].bias[k0 : k0 + FAST_PAIRS] = size
    frequency = c["rope_theta"] ** (-torch.arange(0, width, 2) / width)
    for distance in range(group):
        # A query at position i meets keys turned by -distance most directly when they are that far back.
        start, angle = q0 + distance * width, -frequency[:FAST_PAIRS] * distance
        a["q_proj"].bias[start : start + FAST_PAIRS] = size * angle.cos()
        a["q_proj"].bias[start + half : start + half + FAST_PAIRS] = size * angle.sin()
    a["v_proj"].weight[k0 : k0 + CODE] = project
    a["v_proj"].bias[k0 : k0 + CODE] = -project @ mean
    out = a["o_proj"].weight
    for distance, direction in enumerate((present, last, SECOND * last @ turn)):
        start = q0 + distance * width
        out[:, start : start + CODE] = GAIN * direction
    # The codes make the stream longer; what the first feed-forward part reads is scaled back accordingly.
    read = []
    hook = layers[0].post_attention_layernorm.register_forward_hook(lambda _, x, __: read.append(x[0].pow(2)))
    model(model.embed(ids))
    hook.remove()
    lengths = [read[0][..., :end].sum(-1).rsqrt().mean() for end in (before["hidden_size"], None)]
    layers[0].post_attention_layernorm.weight *= lengths[0] / lengths[1]

    _, basis = torch.linalg.eigh(torch.cov(embedding.T))
    basis = basis[:, -width:]
    slow = torch.cat((torch.arange(half - CODE // 2, half), torch.arange(width - CODE // 2, width)))
    normed = streams(model, ids)
    for i, layer in enumerate(layers[1:], 1):
        a, x = layer.self_attn, normed[i][:, 3:].flatten(0, 1)
        key = (before_1 + SECOND * before_2 @ turn.T)[:, 3:].flatten(0, 1)
        query = (code + SECOND * before_1 @ turn.T)[:, 3:].flatten(0, 1)
        value = (embedding[ids] @ basis)[:, 3:].flatten(0, 1)
        (wk, bk), (wq, bq), (wv, bv) = ridge(x, key), ridge(x, query), ridge(x, value)
        explained = [1 - ((x @ w.T + b - y) ** 2).mean() / y.var() for (w, b), y in (((wk, bk), key), ((wq, bq), query), ((wv, bv), value))]
        print(f"layer {i}: explained share of keys, queries, values  " + "  ".join(f"{e:.3f}" for e in explained))
        a["k_proj"].weight[k0:], a["k_proj"].bias[k0:] = 0, 0
        a["k_proj"].weight[k0 + slow], a["k_proj"].bias[k0 + slow] = wk, bk
        a["v_proj"].weight[k0:], a["v_proj"].bias[k0:] = wv, bv
        for h in range(COPYING):  # the group's other heads start at random, without output
            rows = q0 + h * width
            a["q_proj"].weight[rows : rows + width], a["q_proj"].bias[rows : rows + width] = 0, 0
            a["q_proj"].weight[rows + slow], a["q_proj"].bias[rows + slow] = MATCH * wq, MATCH * bq
            a["o_proj"].weight[:, rows : rows + width] = PASS * basis


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the decoder that gets the heads")
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    c, steps = config["decoder"], config["graft"]["steps"]
    before = json.loads((args.bundle / "decoder/config.json").read_text())
    assert all(before[k] == v for k, v in config["graft"]["onto"].items()), before
    torch.manual_seed(0)
    began = time.monotonic()
    rng = np.random.default_rng(0)
    model = Decoder(c)
    widen(model, weights(args.bundle / "decoder/model.safetensors"), c, before)
    train, held = Samples(args.data / "samples-train2.npz"), Samples(args.data / "samples-heldout.npz")

    lines = []

    def report(step):
        costs = {str(gap): [round(x, 4) for x in pair] for gap, pair in copying_costs(model, held).items()}
        lines.append({"step": step, "elapsed": round(time.monotonic() - began, 1), "costs": costs})
        shown = ", ".join(f"{a:.3f}, again {b:.3f} after {gap}" for gap, (a, b) in costs.items())
        print(f"step {step:4}: nats a token of code, and of its repetition by the tokens in between: {shown}", flush=True)

    report(-1)
    ids = repeated(train, rng, 48, 200, 100)[0]
    build(model, before, c, ids, rng)
    report(0)
    protect(model, c, before)
    parts = list(new_parts(model, before, head_dim(c)))
    masks = {id(p): torch.zeros_like(p) for p, _ in parts}
    for p, index in parts:
        masks[id(p)][index] = 1
    optimizer = torch.optim.Adam([p for p, _ in parts], betas=(0.9, 0.98))
    for step in range(steps):
        progress = step / steps
        optimizer.param_groups[0]["lr"] = 4e-3 * min(1, step / 20) * (1 - progress)
        loss = code_losses(model, repeated(train, rng, 16, 96, int(rng.integers(0, 200)))[0]).mean()
        model.zero_grad()
        loss.backward()
        for p, _ in parts:
            p.grad *= masks[id(p)]
        optimizer.step()
        if (step + 1) % 50 == 0 or step + 1 == steps:
            report(step + 1)
    (args.work / "graft-curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, args.work / "grafted.safetensors")


if __name__ == "__main__":
    main()
