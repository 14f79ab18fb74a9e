#!/usr/bin/env python3
"""The model in PyTorch, to compare results and speed with; bench/compare does.

usage: ipt_torch.py speed WORK NUMBERS SHAPE [SECONDS]   patches or pictures a second
       ipt_torch.py loss MODEL TASK                      L1, contrastive loss and norm of the gradient
       ipt_torch.py restore MODEL TASK IN.ppm OUT.ppm
       ipt_torch.py version

WORK is forward-base, step-base, forward-default, step-default or restore-default, NUMBERS is f32 or
bf16 (autocast), SHAPE the model's in JSON, as `cargo bench --bench model -- shape WORK` prints it;
benches/model.rs does the same. MODEL is a file of `ipt train` or `ipt export`.
"""

import json
import math
import os
import statistics
import sys
import time

import torch
import torch.nn.functional as F

from model import Config, Ipt, open_model, scale_of

INPUTS_OF_A_SIDE = 3  # the longest side of a tile, as in src/restore/restorer.rs
LAMBDA, CLIP, DECAY, SAMPLED = 0.1, 0.001, 0.999, 32  # the defaults of `ipt train`
RATE, MOMENTUM, MUON_TO_ADAM, QUINTIC = 1e-5, 0.95, 20, (3.4445, -4.7750, 2.0315)


def contrastive(features):
    """Equation 5: the same patch indices of one picture against those of the others."""
    pictures = features.shape[0]
    unit = F.normalize(features.float().flatten(0, 1), dim=1)
    similar = (unit @ unit.T).unflatten(0, (pictures, -1)).unflatten(2, (pictures, -1))
    same = torch.eye(pictures, dtype=torch.bool, device=features.device)[:, None, :, None]
    others = similar.masked_fill(same, -math.inf).logsumexp(2)
    return (others - similar.diagonal(dim1=0, dim2=2).permute(2, 0, 1)).mean()


def batch(config, size, task):
    """Numbers without meaning, the same as those of benches/model.rs."""

    def values(side, factor):
        flat = torch.arange(size * side * side * 3) * factor % 65521 % 256
        return flat.view(size, side, side, 3).permute(0, 3, 1, 2).float().contiguous()

    side = config.input(task)
    return values(side, 7919), values(side * scale_of(task), 104729)


def losses(model, task, input, target, sampled, numbers):
    """The loss, and its L1 and contrastive parts; of `sampled` random patches of each picture."""
    with autocast(numbers):
        pictures, features = model(input, task)
    if sampled:
        features = features[:, torch.randperm(features.shape[1])[:sampled].sort().values]
    l1, contrast = F.l1_loss(pictures, target), contrastive(features)
    return l1 + LAMBDA * contrast, l1, contrast


def autocast(numbers):
    return torch.autocast("cpu", torch.bfloat16, enabled=numbers == "bf16")


def matrices(name, parameter):
    """As how many matrices Muon takes a parameter, as in src/train/optimizer.rs."""
    part = name.split(".")
    ends = (part[0] == "head" and part[2] == "0") or (part[0] == "tail" and part[2] == "1")
    table = part[1] in ("query_embed", "position_encoding")
    if parameter.ndim < 2 or ends or table:
        return 0
    return 3 if part[-1] == "in_proj_weight" else 1


class Muon:
    """As in src/train/muon.rs."""

    def __init__(self, parameters, numbers):
        self.type = torch.bfloat16 if numbers == "bf16" else torch.float32
        self.state = [(parameter, count, torch.zeros_like(parameter)) for parameter, count in parameters]

    @torch.no_grad()
    def step(self):
        for parameter, count, momentum in self.state:
            if parameter.grad is None:
                continue
            momentum.lerp_(parameter.grad, 1 - MOMENTUM)
            ahead = parameter.grad.lerp(momentum, MOMENTUM).flatten(1)
            steps = torch.cat([self.orthogonal(matrix) for matrix in ahead.chunk(count)])
            size = max(1, ahead.shape[0] / count / ahead.shape[1]) ** 0.5
            parameter.sub_(steps.view_as(parameter), alpha=MUON_TO_ADAM * RATE * size)

    def orthogonal(self, matrix):
        a, b, c = QUINTIC
        x = (matrix / matrix.norm().clamp(min=1e-30)).to(self.type)
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        for _ in range(5):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return (x.T if tall else x).to(matrix.dtype)


class Trainer:
    """A step as `ipt train` has it: gradient, clipping, optimizer, and the running mean of the weights."""

    def __init__(self, model, numbers, muon):
        self.model, self.numbers = model, numbers
        self.parameters = list(model.parameters())
        counted = [(p, matrices(name, p) if muon else 0) for name, p in model.named_parameters()]
        self.muon = Muon([(p, count) for p, count in counted if count], numbers)
        self.adam = torch.optim.Adam([p for p, count in counted if not count], lr=RATE, fused=True)
        self.average = [parameter.detach().clone() for parameter in self.parameters]

    def step(self, task, input, target):
        self.model.zero_grad()
        losses(self.model, task, input, target, SAMPLED, self.numbers)[0].backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 255 * CLIP)
        self.adam.step()
        self.muon.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.parameters, 1 - DECAY)


def tiles_of(length, config, task, overlap):
    """Side of the tiles along a line, and where they begin, as Tiling and Axis in src/restore/tiles.rs."""
    least, unit = config.input(task), config.unit(task)
    most = INPUTS_OF_A_SIDE * least
    count = max(1, math.ceil((length - overlap) / (most - overlap)))
    side = math.ceil((length + (count - 1) * overlap) / count)
    side = min(max(math.ceil(side / unit) * unit, least), most)
    return side, [*range(0, length - side, side - overlap), length - side]


@torch.inference_mode()
def restore(model, task, picture):
    """picture [H, W, 3], uint8 and at least a tile each way -> the same, restored."""
    scale, (height, width, _) = scale_of(task), picture.shape
    overlap = 6 if scale > 1 else 10  # as Cutting::ByTask in src/restore/restorer.rs
    (down, tops), (across, lefts) = (tiles_of(side, model.config, task, overlap) for side in (height, width))
    whole = picture.permute(2, 0, 1).float()
    sums = torch.zeros(3, height * scale, width * scale)
    counts = torch.zeros(height * scale, width * scale)

    def ramp(start, side, length):
        rise = ((torch.arange(side * scale) + 0.5) / (overlap * scale)).clamp(max=1)
        ones = torch.ones(side * scale)
        return (rise if start > 0 else ones) * (rise.flip(0) if start + side < length else ones)

    for top in tops:
        for left in lefts:
            tile = model(whole[None, :, top : top + down, left : left + across], task)[0][0]
            weight = ramp(top, down, height)[:, None] * ramp(left, across, width)
            rows = slice(top * scale, (top + down) * scale)
            columns = slice(left * scale, (left + across) * scale)
            sums[:, rows, columns] += weight * tile
            counts[rows, columns] += weight
    return (sums / counts).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


def work_of(name, numbers, config):
    """What is to be timed, and how many patches or pictures it is."""
    kind, preset = name.split("-")
    tasks, model = config.tasks, Ipt(config)
    if kind == "restore":
        picture = (torch.arange(512 * 512 * 3) * 7919 % 256).to(torch.uint8).view(512, 512, 3)
        return lambda: restore(model.eval(), "denoise30", picture), 1
    size = {"forward-base": 8, "step-base": 4}.get(name, 16)
    batches = [(task, *batch(config, size, task)) for task in tasks]
    if kind == "step":
        trainer = Trainer(model, numbers, muon=preset != "base")
        return lambda: [trainer.step(*one) for one in batches], size * len(tasks)

    @torch.inference_mode()
    def forward():
        for task, input, _ in batches:
            model(input, task)

    return forward, size * len(tasks)


def speed(name, numbers, shape, seconds=10.0):
    work, count = work_of(name, numbers, Config(**json.loads(shape)))
    # Weights that do not change are converted once; a step leaves the context by itself.
    with torch.autocast("cpu", torch.bfloat16, enabled=numbers == "bf16" and not name.startswith("step")):
        work()
        times, began = [], time.perf_counter()
        while not times or time.perf_counter() - began < seconds:
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    print(f"{count / statistics.median(times):.4g}")


def loss(path, task):
    model = open_model(path, task)
    total, l1, contrast = losses(model, task, *batch(model.config, 4, task), 0, "f32")
    total.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    print(f"{l1:.3f} {contrast:.4f} {torch.nn.utils.get_total_norm(gradients):.2f}")


def restore_file(path, task, source, target):
    with open(source, "rb") as file:
        kind, size, white, pixels = file.read().split(b"\n", 3)
    assert (kind, white) == (b"P6", b"255"), f"{source}: not an 8-bit colour picture as ipt writes them"
    width, height = map(int, size.split())
    picture = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(height, width, 3)
    restored = restore(open_model(path, task), task, picture)
    with open(target, "wb") as file:
        file.write(b"P6\n%d %d\n255\n" % (restored.shape[1], restored.shape[0]))
        file.write(restored.contiguous().numpy().tobytes())


if __name__ == "__main__":
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    match sys.argv[1:]:
        case ["speed", work, numbers, shape, *seconds]:
            speed(work, numbers, shape, *map(float, seconds))
        case ["loss", model, task]:
            loss(model, task)
        case ["restore", model, task, source, target]:
            restore_file(model, task, source, target)
        case ["version"]:
            print("PyTorch", torch.__version__)
        case _:
            sys.exit(__doc__)
