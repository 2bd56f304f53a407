"""Writes the PyTorch checkpoints in test/golden/torch/, with real PyTorch, and what they hold.

    python test/golden/make-torch.py

Versions used: torch 2.13, Python 3.11. The hostile files are made to be refused; none is ever loaded.
"""

import json
import os
import pathlib
import pickle
import struct
import zipfile
from collections import OrderedDict

import torch

OUT = pathlib.Path(__file__).parent / "torch"
OUT.mkdir(exist_ok=True)
torch.manual_seed(7)
expected = {}


def note(name, tensors):
    expected[name] = {
        key: {"shape": list(value.shape), "values": value.detach().float().reshape(-1).tolist()}
        for key, value in tensors.items()
    }


def save(name, value, tensors=None, **options):
    torch.save(value, OUT / name, **options)
    note(name, value if tensors is None else tensors)


class Projector(torch.nn.Module):
    """LlavaCode's 2L projector, e = 3 and d = 4."""

    def __init__(self):
        super().__init__()
        self.linear_1 = torch.nn.Linear(3, 4)
        self.ln_1 = torch.nn.LayerNorm(4)
        self.linear_2 = torch.nn.Linear(4, 4)


projector = Projector()
save("fp32_projector.pth", projector.state_dict())
save("fp16.pth", Projector().half().state_dict())
save("bf16.pth", Projector().bfloat16().state_dict())

base = torch.arange(24.0).reshape(4, 6)
views = OrderedDict(
    transposed=base.t(),
    column=base[:, 2],
    block=base[1:3, 1:4],
    every_other=base[::2, ::3],
    whole=base,
    scalar=torch.tensor(5.0),
    empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(torch.tensor([1.0, -2.0])),
)
save("views.pth", views)
save("protocol5.pth", projector.state_dict(), pickle_protocol=5)


class Callback:
    """Stands for the classes of any project that a Lightning checkpoint may hold."""

    def __init__(self):
        self.best = torch.tensor(1.0)
        self.names = {"a", "b"}


module = Projector()
optimizer = torch.optim.AdamW(module.parameters())
module.linear_2(torch.ones(4)).sum().backward()
optimizer.step()
prefixed = OrderedDict((f"model.multi_modal_projector.{k}", v) for k, v in module.state_dict().items())
prefixed["model.encoder.weight"] = torch.ones(2, 2)
save(
    "lightning.ckpt",
    {
        "epoch": 3,
        "global_step": 12345678901,
        "pytorch-lightning_version": "2.5.2",
        "state_dict": prefixed,
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
        "callbacks": {"ModelCheckpoint{'monitor': 'Val_Acc_EM'}": Callback(), "path": pathlib.PurePosixPath("/x")},
        "hparams_name": "args",
        "hyper_parameters": {"lr": 1e-3, "class": Callback, "dtype": torch.bfloat16, "size": torch.Size([2])},
    },
    prefixed,
)
save("double.pth", {"linear_1.weight": torch.ones(2, 2, dtype=torch.float64)})
torch.save(projector.state_dict(), OUT / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(module, OUT / "module.pth")
torch.save({"weight": torch.ones(2), "object": Callback()}, OUT / "object-in-state-dict.pth")


# Hostile files: the structure of fp32_projector.pth replaced by programs.


def archive(name, program, extra=None, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(OUT / name, "w", compression) as file:
        file.writestr("x/data.pkl", program)
        file.writestr("x/byteorder", "little")
        for path, content in (extra or {}).items():
            file.writestr(path, content)


class Run:
    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


archive("hostile-os-system.pth", pickle.dumps({"linear_1.weight": Run(os.system, "touch hostile")}, 2))
archive("hostile-eval.pth", pickle.dumps({"a": Run(eval, "1 + 1")}, 4))
archive("hostile-nested.ckpt", pickle.dumps({"state_dict": {}, "callbacks": [[{"x": Run(exec, "1")}]]}, 2))
archive("hostile-stack-global.pth", b"\x80\x04\x8c\x0asubprocess\x8c\x05Popen\x93)R.")
archive("unknown-opcode.pth", b"\x80\x02\x82\x01.")
archive("truncated-structure.pth", b"\x80\x02}X\xff\xff\xff\x7f")


def tensor(shape, strides, numel, start=0, key=b"0"):
    def integer(value):
        return b"J" + struct.pack("<i", value)

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value

    def numbers(values):
        return b"(" + b"".join(integer(value) for value in values) + b"t"

    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(key) + text(b"cpu") + integer(numel) + b"tQ"
    arguments = b"(" + storage + integer(start) + numbers(shape) + numbers(strides) + b"\x89ccollections\nOrderedDict\n)Rt"
    return b"\x80\x02}" + text(b"w") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


four = {"x/data/0": struct.pack("<4f", 1, 2, 3, 4)}
archive("handmade.pth", tensor([2, 2], [2, 1], 4), four)
expected["handmade.pth"] = {"w": {"shape": [2, 2], "values": [1, 2, 3, 4]}}
archive("bomb-stride-zero.pth", tensor([2000000000, 1], [0, 0], 4), four)
archive("outside-storage.pth", tensor([2, 2], [2, 1], 4, start=1), four)
archive("storage-larger-than-record.pth", tensor([5], [1], 5), four)
archive("missing-record.pth", tensor([2, 2], [2, 1], 4, key=b"7"), four)
archive("compressed.pth", tensor([2, 2], [2, 1], 4), four, zipfile.ZIP_DEFLATED)
archive("big-endian.pth", tensor([2, 2], [2, 1], 4), four)
with zipfile.ZipFile(OUT / "big-endian.pth", "w") as file:
    file.writestr("x/data.pkl", tensor([2, 2], [2, 1], 4))
    file.writestr("x/byteorder", "big")
with zipfile.ZipFile(OUT / "no-structure.pth", "w") as file:
    file.writestr("x/readme.txt", "no checkpoint")

(OUT / "expected.json").write_text(json.dumps(expected, indent=None, separators=(",", ":")) + "\n")
