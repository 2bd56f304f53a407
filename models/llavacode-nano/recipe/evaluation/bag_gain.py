"""What knowing which tokens the retrieved chunks hold, and nothing more of them, brings to a decoder: a simple estimate.

A soft token that says which tokens its chunk holds is worth at least this to a decoder that reads it; a reader that
tells one place of the line from another could gain more. The decoder completes held-out holes without context; to its logits at every token of the missing line comes a sum of
four features of the retrieved chunks, the same at every place, with one weight each that is fitted on the first half of
the holes. The other half tells how much lower the cross entropy is, beside what the text itself brings there.

Usage: python -m evaluation.bag_gain --data DIR --bundle FOLDER [--count 500]
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from data.prompt import fim_ids, prompt_ids
from data.samples import Samples
from data.tokenizer import SHIFT
from training.model import Decoder, weights
from training.train_encoder import token_weights

STEPS, RATE = 60, 0.05


def features(chunks, idf):
    """[4, V] of chunks (arrays of decoder ids), best first: how many hold a token; its idf; is it in the best two; its
    share of a chunk's idf, summed over chunks, times 10. idf [V]."""
    out = np.zeros((4, len(idf)), np.float32)
    for rank, ids in enumerate(map(np.unique, chunks)):
        out[0, ids] += 1
        out[1, ids] = idf[ids]
        out[2, ids] = np.maximum(out[2, ids], rank < 2)
        out[3, ids] += 10 * idf[ids] / idf[ids].sum()
    return torch.as_tensor(out)


def line_logits(model, prompt, middle):
    """Logits [len(middle) + 1, V] at the tokens of the missing line and its end, after a prompt of ids."""
    hidden = model(model.embed(torch.as_tensor(np.concatenate((prompt, middle)))[None]))[0, -len(middle) - 1 :]
    return model.logits(hidden)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500)
    args = parser.parse_args()
    model = Decoder(json.loads((args.bundle / "decoder/config.json").read_text()))
    model.load_state_dict(weights(args.bundle / "decoder/model.safetensors"))
    vocab_size = model.model["embed_tokens"].num_embeddings
    ids = fim_ids(vocab_size)
    samples = Samples(args.data / "samples-heldout.npz")
    encoder = json.loads((args.bundle / "encoder/config.json").read_text())
    idf = np.zeros(vocab_size, np.float32)
    own = token_weights(samples, encoder["vocab_size"])[SHIFT:]
    idf[: len(own)] = own
    holes, text = [], []
    with torch.no_grad():
        for i in range(args.count):
            k, left, right, middle = samples.parts(i)
            prompt = prompt_ids([], left, right, ids)
            target = torch.as_tensor(np.append(middle, ids[0]))
            logits = line_logits(model, prompt, middle)
            chunks = [samples.chunk(r) - SHIFT for r in samples.chunks[i] if r >= 0]
            holes.append((logits, target, features(chunks, idf)))
            with_text = F.cross_entropy(line_logits(model, prompt_ids(k, left, right, ids), middle), target)
            text.append((with_text - F.cross_entropy(logits, target)).item())
    fitted, tested = holes[: args.count // 2], holes[args.count // 2 :]
    weight = torch.zeros(4, requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=RATE)

    def change(hole):
        logits, target, bag = hole
        return F.cross_entropy(logits + weight @ bag, target) - F.cross_entropy(logits, target)

    for _ in range(STEPS):
        loss = torch.stack([change(hole) for hole in fitted]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        bags = np.array([change(hole).item() for hole in tested])
    text = np.array(text[args.count // 2 :])
    print(f"change of the cross entropy on holes {args.count // 2 + 1} to {args.count}, standard error")
    for name, values in (("bags", bags), ("text", text)):
        print(f"{name}  {values.mean():+.4f} ± {values.std() / len(values) ** 0.5:.4f}")


if __name__ == "__main__":
    main()
