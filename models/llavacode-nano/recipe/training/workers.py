"""Devices, data-parallel workers and the learning-rate schedule of the training scripts."""

import os
import time

import torch


class ActiveClock:
    """Seconds of work: a step longer than ``longest`` was paused from outside and counts as that long."""

    def __init__(self, seconds, longest=20.0):
        self.seconds, self.longest, self.last = seconds, longest, time.monotonic()

    def tick(self):
        now = time.monotonic()
        self.seconds += min(now - self.last, self.longest)
        self.last = now
        return self.seconds


def pick_device():
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def join_workers(device):
    """(rank, workers); more than one under ``torchrun``, each with one thread on a CPU.

    One single-threaded worker per core is faster than threads inside one process, and
    far faster when other programs use the same cores.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return int(os.environ.get("RANK", "0")), world


def sum_over_workers(model, extra, world):
    """Sums the gradients and the vector ``extra`` over the workers; returns the summed vector."""
    if world == 1:
        return extra
    flat = torch.cat([p.grad.flatten() for p in model.parameters()] + [extra])
    torch.distributed.all_reduce(flat)
    start = 0
    for p in model.parameters():
        p.grad.copy_(flat[start : start + p.numel()].view_as(p))
        start += p.numel()
    return flat[start:]


def learning_rate(progress, schedule):
    """Warm-up, stable, linear decay to zero; a factor in [0, 1] of the elapsed share."""
    if progress < schedule["warmup"]:
        return progress / schedule["warmup"]
    return min(1.0, (1 - progress) / (1 - schedule["decay_start"]))
