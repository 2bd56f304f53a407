"""Decoder, encoder and projector with the parameter names of their HF counterparts.

Decoder: Qwen2 (pre-RMSNorm, rotary positions, grouped-query attention with biased
q/k/v, SwiGLU, tied head).  Encoder: RoBERTa without pooling layer, UniXcoder input.
Projector: the 3-layer MLP of LlavaCode (arXiv 2510.19644, ``models/projector.py``).
"""

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from data.prompt import PAD, chunk_input

RMS_EPS, LAYER_NORM_EPS = 1e-6, 1e-5


def head_dim(c):
    """Width of an attention head of the decoder ``c``: its own, or the hidden size shared among the heads."""
    return c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])


def causal_attention(q, k, v, block=256):
    """Causal attention in query blocks that never compute the masked future.

    q [B, H, T, D], k and v [B, KV, T, D] -> [B, H, T, D].  On the CPU this trains about
    twice as fast as PyTorch's fused kernel at 500 positions.
    """
    b, h, t, d = q.shape
    kv = k.shape[1]
    q = (q * d**-0.5).reshape(b, kv, h // kv, t, d)
    future = torch.full((block, block), float("-inf"), dtype=q.dtype, device=q.device).triu(1)
    k, blocks = k.transpose(2, 3), []
    for start in range(0, t, block):
        end = min(t, start + block)
        n = end - start
        scores = torch.matmul(q[:, :, :, start:end].reshape(b, kv, -1, d), k[..., :end]).view(b, kv, -1, n, end)
        scores[..., start:] += future[:n, :n]
        weights = torch.softmax(scores, -1).to(v.dtype).view(b, kv, -1, end)
        blocks.append(torch.matmul(weights, v[:, :, :end]).view(b, h, n, d))
    return torch.cat(blocks, 2)


class DecoderLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, h, kv = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
        self.heads, self.kv_heads, self.head_dim = h, kv, head_dim(c)
        self.self_attn = nn.ModuleDict(
            {
                "q_proj": nn.Linear(d, h * self.head_dim),
                "k_proj": nn.Linear(d, kv * self.head_dim),
                "v_proj": nn.Linear(d, kv * self.head_dim),
                "o_proj": nn.Linear(h * self.head_dim, d, bias=False),
            }
        )
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": nn.Linear(d, c["intermediate_size"], bias=False),
                "up_proj": nn.Linear(d, c["intermediate_size"], bias=False),
                "down_proj": nn.Linear(c["intermediate_size"], d, bias=False),
            }
        )
        self.input_layernorm = nn.RMSNorm(d, eps=RMS_EPS)
        self.post_attention_layernorm = nn.RMSNorm(d, eps=RMS_EPS)

    def attend(self, x, cos, sin, mask, cache):
        b, t, d = x.shape
        a = self.self_attn
        projections = (a["q_proj"], a["k_proj"], a["v_proj"])
        weight = torch.cat([p.weight for p in projections])
        qkv = F.linear(x, weight, torch.cat([p.bias for p in projections]))
        qkv = qkv.view(b, t, self.heads + 2 * self.kv_heads, self.head_dim)
        rotated = self.heads + self.kv_heads
        first, second = qkv[:, :, :rotated].chunk(2, -1)
        qk = torch.cat((first * cos - second * sin, second * cos + first * sin), -1).transpose(1, 2)
        q, k, v = qk[:, : self.heads], qk[:, self.heads :], qkv[:, :, rotated:].transpose(1, 2)
        if cache is not None:
            if cache:
                k, v = torch.cat((cache["k"], k), 2), torch.cat((cache["v"], v), 2)
            cache["k"], cache["v"] = k, v
        if mask is None and x.device.type == "cpu":
            y = causal_attention(q, k, v)
        else:
            y = F.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=self.heads != self.kv_heads
            )
        return a["o_proj"](y.transpose(1, 2).reshape(b, t, -1))

    def forward(self, x, cos, sin, mask, cache):
        x = x + self.attend(self.input_layernorm(x), cos, sin, mask, cache)
        y = self.post_attention_layernorm(x)
        m = self.mlp
        gate, up = F.linear(y, torch.cat((m["gate_proj"].weight, m["up_proj"].weight))).chunk(2, -1)
        return x + m["down_proj"](F.silu(gate) * up)


class Decoder(nn.Module):
    """Qwen2ForCausalLM; ``forward`` returns hidden states, ``logits`` applies the tied head."""

    def __init__(self, c):
        super().__init__()
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(c["vocab_size"], c["hidden_size"]),
                "layers": nn.ModuleList(DecoderLayer(c) for _ in range(c["num_hidden_layers"])),
                "norm": nn.RMSNorm(c["hidden_size"], eps=RMS_EPS),
            }
        )
        width = head_dim(c)
        frequency = c["rope_theta"] ** (-torch.arange(0, width, 2) / width)
        angle = torch.arange(c["max_position_embeddings"])[:, None] * frequency
        self.register_buffer("cos", angle.cos()[:, None], persistent=False)
        self.register_buffer("sin", angle.sin()[:, None], persistent=False)
        for name, p in self.named_parameters():
            if "embed" in name:
                nn.init.normal_(p, std=0.02)
            elif name.endswith("bias") or "o_proj" in name or "down_proj" in name:
                nn.init.zeros_(p)
            elif p.ndim == 2:
                nn.init.normal_(p, std=0.5 * p.shape[1] ** -0.5)

    def embed(self, ids):
        return self.model["embed_tokens"](ids)

    def forward(self, x, mask=None, caches=None, offset=0):
        """Hidden states of embeddings ``x`` [B, T, C].

        mask: boolean [B, 1, T, S], None = causal.  caches: one dict per layer, filled here.
        """
        t = x.shape[1]
        cos, sin = (r[offset : offset + t].to(x.dtype) for r in (self.cos, self.sin))
        for i, layer in enumerate(self.model["layers"]):
            x = layer(x, cos, sin, mask, caches[i] if caches else None)
        return self.model["norm"](x)

    def logits(self, hidden):
        return F.linear(hidden, self.model["embed_tokens"].weight)


class EncoderLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, f = c["hidden_size"], c["intermediate_size"]
        self.heads = c["num_attention_heads"]
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict({n: nn.Linear(d, d) for n in ("query", "key", "value")}),
                "output": nn.ModuleDict({"dense": nn.Linear(d, d), "LayerNorm": nn.LayerNorm(d, LAYER_NORM_EPS)}),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(d, f)})
        self.output = nn.ModuleDict({"dense": nn.Linear(f, d), "LayerNorm": nn.LayerNorm(d, LAYER_NORM_EPS)})

    def forward(self, x, mask):
        b, t, d = x.shape
        s, o = self.attention["self"], self.attention["output"]
        q, k, v = (s[n](x).view(b, t, self.heads, -1).transpose(1, 2) for n in ("query", "key", "value"))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(b, t, d)
        x = o["LayerNorm"](x + o["dense"](y))
        y = F.gelu(self.intermediate["dense"](x))
        return self.output["LayerNorm"](x + self.output["dense"](y))


class Encoder(nn.Module):
    """RobertaModel(add_pooling_layer=False); position ids count the non-pad tokens from 2."""

    def __init__(self, c):
        super().__init__()
        d = c["hidden_size"]
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(c["vocab_size"], d, padding_idx=PAD),
                "position_embeddings": nn.Embedding(c["max_position_embeddings"], d, padding_idx=PAD),
                "token_type_embeddings": nn.Embedding(c["type_vocab_size"], d),
                "LayerNorm": nn.LayerNorm(d, LAYER_NORM_EPS),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(EncoderLayer(c) for _ in range(c["num_hidden_layers"]))})
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids):
        """Mean of the last layer over the non-pad positions: [B, T] -> [B, hidden]."""
        keep = ids != PAD
        positions = keep.cumsum(1) * keep + PAD
        e = self.embeddings
        x = e["word_embeddings"](ids) + e["position_embeddings"](positions) + e["token_type_embeddings"].weight[0]
        x = e["LayerNorm"](x)
        for layer in self.encoder["layer"]:
            x = layer(x, keep[:, None, None])
        weight = keep[..., None].to(x.dtype)
        return (x * weight).sum(1) / weight.sum(1)


class Projector(nn.Module):
    """LlavaCode's MLP from encoder width e to ``tokens`` rows of decoder width d, one after the other.

    Linear, GELU (erf), LayerNorm; the last Linear is bare.  Inner widths: 2L d; 3L 2d, 2d; 4L 3d, 4d, 2d.
    """

    INNER = {2: (1,), 3: (2, 2), 4: (3, 4, 2)}

    def __init__(self, e, d, layers=3, tokens=1):
        super().__init__()
        widths = [e, *(factor * d for factor in self.INNER[layers]), tokens * d]
        self.layers = layers
        for i, (inputs, outputs) in enumerate(zip(widths, widths[1:]), 1):
            linear = nn.Linear(inputs, outputs)
            nn.init.normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)
            setattr(self, f"linear_{i}", linear)
            if i < layers:
                setattr(self, f"ln_{i}", nn.LayerNorm(outputs, LAYER_NORM_EPS))

    def forward(self, x):
        for i in range(1, self.layers):
            x = getattr(self, f"ln_{i}")(F.gelu(getattr(self, f"linear_{i}")(x)))
        return getattr(self, f"linear_{self.layers}")(x)


def pad_rows(rows, value, multiple=64):
    """int64 tensor [len(rows), T] of id arrays, padded at the end to a common multiple of ``multiple``."""
    width = -(-max(len(r) for r in rows) // multiple) * multiple
    out = torch.full((len(rows), width), value, dtype=torch.long)
    for i, r in enumerate(rows):
        out[i, : len(r)] = torch.as_tensor(r)
    return out


def mixed_precision(device, wanted=True):
    """Autocast to bf16 where the device has instructions for it.

    A CPU without them computes bf16 many times slower than fp32; there, and where it is not ``wanted``, fp32 stays.
    """
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported()
    else:
        can = torch.cpu.get_capabilities()
        has = bool(can.get("avx512_bf16") or can.get("amx_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=has and wanted)


def load(module, checkpoint, device):
    """``module`` with the weights of a training checkpoint, if there is one, on ``device``, ready to be used."""
    if checkpoint.exists():
        module.load_state_dict(torch.load(checkpoint, map_location="cpu")["model"])
    return module.to(device).eval()


def weights(path):
    """{name: float32 tensor} of a safetensors file."""
    return {name: value.float() for name, value in load_file(path).items()}


@torch.no_grad()
def encode_chunks(encoder, rows, limit, device, mixed=True, batch=128):
    """Normalised vectors [n, e] of chunk id rows (without specials), each input at most ``limit`` ids long.

    mixed: in bf16 where the device can, as in training; otherwise in fp32.
    """
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    out = torch.zeros(len(rows), encoder.embeddings["word_embeddings"].embedding_dim)
    for i in range(0, len(order), batch):
        part = order[i : i + batch]
        ids = pad_rows([chunk_input(rows[j], limit) for j in part], PAD).to(device)
        with mixed_precision(device, mixed):
            vectors = encoder(ids)
        out[part] = F.normalize(vectors.float(), dim=1).cpu()
    return out
