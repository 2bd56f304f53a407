"""Time to first token of PyTorch transformers (SDPA) with random weights of a real shape; no network, no checkpoint.

Measures what `llava-eval run --latency-only` measures: for each prompt length, alone the first token, and a line of
fixed length with the cache kept, greedy, batch 1, prompts entering as embeddings, logits of the last position only. All
prompts of a round take turns in a random order, each length is warmed up, the first prompt is timed twice a round.
TTFT runs from the ids (and ready soft tokens) on the host to the first token id on the host.

    python torch_latency.py --shapes shapes.json --shape qwen2.5-coder-0.5b --lengths 1500/1010 --out result
"""

import argparse
import json
import os
import random
import statistics
import time

import torch
import transformers

SOFT_TOKENS = 10

parser = argparse.ArgumentParser()
parser.add_argument('--shapes', required=True)
parser.add_argument('--shape', required=True)
parser.add_argument('--lengths', required=True)
parser.add_argument('--dtype', default='fp16', choices=['fp16', 'fp32', 'bf16'])
parser.add_argument('--rounds', type=int, default=15)
parser.add_argument('--tokens', type=int, default=50)
parser.add_argument('--out', required=True)
arguments = parser.parse_args()

device = 'cuda' if torch.cuda.is_available() else 'cpu'
dtype = {'fp16': torch.float16, 'fp32': torch.float32, 'bf16': torch.bfloat16}[arguments.dtype]
with open(arguments.shapes) as file:
    shape = json.load(file)[arguments.shape]
shape = dict(shape)
config = transformers.AutoConfig.for_model(shape.pop('model_type'), **shape)
torch.manual_seed(0)
torch.set_grad_enabled(False)
# On the device at once and in its format: a 7B in fp32 on the host first would not fit everywhere.
torch.set_default_dtype(dtype)
with torch.device(device):
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation='sdpa').eval()
torch.set_default_dtype(torch.float32)
table = model.get_input_embeddings()


def synchronize():
    if device == 'cuda':
        torch.cuda.synchronize()


def prompt(length, soft_tokens):
    ids = torch.randint(0, config.vocab_size, (1, length))
    soft = torch.randn(1, soft_tokens, config.hidden_size) * 0.02 if soft_tokens else None
    return ids, soft


def first_token(ids, soft, keep):
    """Milliseconds to the first token id on the host; the id and the cache, if it is kept."""
    synchronize()
    start = time.perf_counter()
    rows = table(ids.to(device))
    if soft is not None:
        rows[:, : soft.shape[1]] = soft.to(device, dtype)
    result = model(inputs_embeds=rows, use_cache=keep, logits_to_keep=1)
    token = int(result.logits[0, -1].argmax())
    return (time.perf_counter() - start) * 1000, token, result.past_key_values if keep else None


def line(ids, soft, tokens):
    """Milliseconds of the first token and of the tokens behind it."""
    ttft, token, cache = first_token(ids, soft, True)
    start = time.perf_counter()
    for _ in range(tokens - 1):
        result = model(input_ids=torch.tensor([[token]], device=device), past_key_values=cache, use_cache=True)
        token, cache = int(result.logits[0, -1].argmax()), result.past_key_values
    return ttft, (time.perf_counter() - start) * 1000


groups = [[int(n) for n in group.split('/')][:2] for group in arguments.lengths.split(',')]
measures = ['first-token'] + (['line'] if arguments.tokens > 1 else [])
arms = []
for measure in measures:
    own = [(g, pipeline, measure, False) for g in range(len(groups)) for pipeline in ('full-rag', 'compressed')]
    arms += own + [(0, 'full-rag', measure, True)]


def time_arm(group, pipeline, measure, tokens):
    full, compressed = groups[group]
    length, soft_tokens = (full, 0) if pipeline == 'full-rag' else (compressed, SOFT_TOKENS)
    ids, soft = prompt(length, soft_tokens)
    if measure == 'line':
        return line(ids, soft, tokens)
    return first_token(ids, soft, False)[0], None


for arm in {(g, p): (g, p, m) for g, p, m, _ in arms}.values():
    time_arm(*arm, min(3, arguments.tokens))
samples = {arm: [] for arm in arms}
order = random.Random(0)
for _ in range(arguments.rounds):
    for arm in order.sample(arms, len(arms)):
        samples[arm].append(time_arm(*arm[:3], arguments.tokens))

rows = []
for measure in measures:
    again = [b[0] / a[0] for a, b in zip(samples[(0, 'full-rag', measure, False)], samples[(0, 'full-rag', measure, True)])]
    for g, (full, compressed) in enumerate(groups):
        base, own = samples[(g, 'full-rag', measure, False)], samples[(g, 'compressed', measure, False)]
        rows.append({
            'measure': measure, 'full': full, 'compressed': compressed,
            'fullMs': statistics.median(t for t, _ in base), 'compressedMs': statistics.median(t for t, _ in own),
            'saved': 1 - statistics.median(b[0] / a[0] for a, b in zip(base, own)),
            'tokenMs': None if measure != 'line' else statistics.median(d / (arguments.tokens - 1) for _, d in own),
            'again': statistics.median(again),
        })
os.makedirs(arguments.out, exist_ok=True)
name = torch.cuda.get_device_name() if device == 'cuda' else 'CPU'
with open(os.path.join(arguments.out, 'torch.json.tmp'), 'w') as file:
    json.dump({
        'engine': 'transformers', 'versions': {'torch': torch.__version__, 'transformers': transformers.__version__},
        'card': name, 'device': device, 'shape': arguments.shape, 'dtype': arguments.dtype,
        'rounds': arguments.rounds, 'tokens': arguments.tokens, 'rows': rows,
    }, file, indent=2)
os.replace(os.path.join(arguments.out, 'torch.json.tmp'), os.path.join(arguments.out, 'torch.json'))
