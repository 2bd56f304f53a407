"""Writes the bundle (fp16 safetensors) and checks it against the HF implementations.

Parts without a checkpoint yet are exported with their initial weights, so that the
layout can be used early.

Usage: python -m training.export --data DIR --work DIR --config FILE --out FOLDER [--version V] [--curves FILE ...]
``--curves`` names the training curves of all parts, those of earlier versions that they go on from included; the
sum of their times becomes ``training.hours`` of bundle.json.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import Qwen2ForCausalLM, RobertaModel

from data.prompt import PAD, fim_ids
from training.model import LAYER_NORM_EPS, RMS_EPS, Decoder, Encoder, Projector, head_dim

PARTS = {
    "decoder": {"path": "decoder", "promptFamily": "qwen2.5-coder"},
    "encoder": {"path": "encoder", "input": "unixcoder", "maxTokens": 256, "pooling": "mean", "normalize": True},
    "projector": {"path": "projector.safetensors", "layers": 3},
}
TOLERANCE = 2e-4  # largest difference to HF in fp32 on the exported weights


def hours(curves):
    """Hours of training that the last lines of the curves tell of, to a tenth."""
    return round(sum(json.loads(c.read_text().splitlines()[-1])["elapsed"] for c in curves) / 3600, 1)


def device_name():
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"{len(os.sched_getaffinity(0))} CPU cores"


def decoder_config(c):
    end = fim_ids(c["vocab_size"])[0]
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        **c,
        "head_dim": head_dim(c),
        "hidden_act": "silu",
        "rms_norm_eps": RMS_EPS,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "bos_token_id": end,
        "eos_token_id": end,
        "torch_dtype": "float16",
    }


def encoder_config(c):
    return {
        "architectures": ["RobertaModel"],
        "model_type": "roberta",
        **c,
        "hidden_act": "gelu",
        "layer_norm_eps": LAYER_NORM_EPS,
        "position_embedding_type": "absolute",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.02,
        "bos_token_id": 0,
        "pad_token_id": PAD,
        "eos_token_id": 2,
        "torch_dtype": "float16",
    }


def load_part(module, checkpoint):
    """Module with the checkpoint's weights rounded to fp16, in fp32, and whether there was a checkpoint."""
    trained = checkpoint.exists()
    if trained:
        module.load_state_dict(torch.load(checkpoint, map_location="cpu")["model"])
    for p in module.parameters():
        p.data = p.data.half().float()
    return module.eval(), trained


def write(module, path):
    save_file({k: v.half().contiguous() for k, v in module.state_dict().items()}, path, metadata={"format": "pt"})


@torch.no_grad()
def check(decoder, encoder, out, vocab):
    """Largest differences (decoder logits, encoder states) to the HF models loaded from ``out``."""
    torch.manual_seed(0)
    ids = torch.randint(0, vocab, (2, 96))
    theirs = Qwen2ForCausalLM.from_pretrained(out / "decoder", dtype=torch.float32).eval()(ids).logits
    first = (decoder.logits(decoder(decoder.embed(ids))) - theirs).abs().max().item()
    ids = torch.randint(7, vocab - 8, (2, 64))
    ids[1, 40:] = PAD
    mask = (ids != PAD).float()
    roberta = RobertaModel.from_pretrained(out / "encoder", add_pooling_layer=False, dtype=torch.float32).eval()
    states = roberta(ids, attention_mask=mask).last_hidden_state
    mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    second = (encoder(ids) - mean).abs().max().item()
    assert first < TOLERANCE and second < TOLERANCE, (first, second)
    return first, second


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "work", "config", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--version", default="0.3.0")
    parser.add_argument("--decoder", type=Path, help="checkpoint of the decoder; <work>/decoder.pt unless given")
    parser.add_argument("--curves", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    torch.manual_seed(0)
    d, e, p = config["decoder"], config["encoder"], config["prompt"]
    decoder, has_decoder = load_part(Decoder(d), args.decoder or args.work / "decoder.pt")
    encoder, has_encoder = load_part(Encoder(e), args.work / "encoder.pt")
    projector, has_projector = load_part(Projector(e["hidden_size"], d["hidden_size"]), args.work / "projector.pt")
    for name, part_config, module in (("decoder", decoder_config(d), decoder), ("encoder", encoder_config(e), encoder)):
        folder = args.out / name
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(args.data / "tokenizers" / name / file, folder / file)
        (folder / "config.json").write_text(json.dumps(part_config, indent=2) + "\n")
        write(module, folder / "model.safetensors")
    write(projector, args.out / "projector.safetensors")
    about = {
        "schema": "llava-eval/bundle@1",
        "name": "llavacode-nano",
        "version": args.version,
        "license": "Apache-2.0",
        "training": {"hours": hours(args.curves), "device": device_name()},
        **PARTS,
        "defaults": {
            "maxPromptTokens": p["max_prompt_tokens"],
            "contextTokens": p["context_tokens"],
            "contextPlacement": "before-prefix",
        },
    }
    (args.out / "bundle.json").write_text(json.dumps(about, indent=2) + "\n")
    first, second = check(decoder, encoder, args.out, min(d["vocab_size"], e["vocab_size"]))
    count = lambda m: sum(x.numel() for x in m.parameters())  # noqa: E731
    print(f"decoder    trained {has_decoder}  parameters {count(decoder):,}  largest difference to HF {first:.1e}")
    print(f"encoder    trained {has_encoder}  parameters {count(encoder):,}  largest difference to HF {second:.1e}")
    print(f"projector  trained {has_projector}  parameters {count(projector):,}")
    print(f"megabytes  {sum(f.stat().st_size for f in args.out.rglob('*') if f.is_file()) / 1e6:.1f}")


if __name__ == "__main__":
    main()
