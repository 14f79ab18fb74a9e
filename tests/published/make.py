"""Published weights as they would be, and what the published model makes of them.

Builds models with random weights through the `IPT` of spandrel (a copy of the authors' code), saves
their state dicts with torch, and writes down what they give. tests/published.rs compares.

    pip install torch torchvision spandrel numpy safetensors pillow
    python tests/published/make.py target/published     # all, with 115 million parameters: 6 GB
    python tests/published/make.py --tiny fixtures/published

Beside NAME.pt, or NAME.legacy.pt, is NAME.expected.safetensors: the input, every STRIDE-th number of
each task's output, and for tiny models a larger picture in tiles. These are computed in double
precision; TASK.float is how far PyTorch's own single precision is off.
"""

import argparse
import copy
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file
from spandrel.architectures.IPT import IPT
from spandrel.architectures.IPT.__arch.model import Model

SCALES = [2, 3, 4, 1, 1, 1]
TASKS = ["sr2", "sr3", "sr4", "derain", "denoise30", "denoise50"]


def build(scales, channels, layers, seed, output_bias=False):
    torch.manual_seed(seed)
    model = IPT(
        patch_size=48, patch_dim=3, n_feats=channels, rgb_range=255, n_colors=3, scale=scales,
        num_heads=12, num_layers=layers, num_queries=len(scales), mlp=True, pos_every=False,
        no_pos=False, no_norm=False,
    ).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # What starts at 0 or 1 would hide mistakes.
            if "norm" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
            # As it starts, the decoder's attention to the encoder is so sharp that rounding decides
            # what it looks at: PyTorch is then off from its own double precision by 3e-3. No model
            # that has learned anything is like that.
            if "multihead_attn.in_proj" in name:
                parameter.mul_(0.25)
        if output_bias:
            # What PyTorch 1.6 to 1.8 did.
            for name, module in list(model.named_modules()):
                if isinstance(module, torch.nn.MultiheadAttention):
                    module.out_proj.bias = torch.nn.Parameter(0.3 * torch.randn(module.embed_dim))
    return model


def picture(height, width, seed):
    """Smooth shapes and noise, [1, 3, height, width], whole numbers 0..255."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 70 * np.sin(x / (5 + c)) * np.cos(y / (7 - c)) + 30 * random.standard_normal((height, width))
              for c in range(3)]
    return torch.tensor(np.clip(np.round(np.stack(planes)), 0, 255), dtype=torch.float32)[None]


def interleaved(x):
    return x[0].permute(1, 2, 0).contiguous()


def overlapping(model, x, scale, tile=48, overlap=10):
    """Tiles that share `overlap` pixels, each counting less towards a border it shares."""
    height, width = x.shape[-2:]

    def starts(length):
        return list(range(0, length - tile, tile - overlap)) + [length - tile]

    def ramp(start, all_starts):
        weight = torch.ones(tile * scale)
        rise = ((torch.arange(tile * scale) + 0.5) / (overlap * scale)).clamp(max=1)
        if start != all_starts[0]:
            weight = weight * rise
        if start != all_starts[-1]:
            weight = weight * rise.flip(0)
        return weight

    total = torch.zeros(1, 3, height * scale, width * scale)
    weights = torch.zeros(height * scale, width * scale)
    for top in starts(height):
        for left in starts(width):
            weight = ramp(top, starts(height))[:, None] * ramp(left, starts(width))[None, :]
            y = model(x[..., top:top + tile, left:left + tile])
            rows = slice(top * scale, (top + tile) * scale)
            columns = slice(left * scale, (left + tile) * scale)
            total[..., rows, columns] += weight * y
            weights[rows, columns] += weight
    return total / weights


def run(single, tasks, stride, tiled):
    expected = {}
    x = picture(48, 48, 1).double()
    expected["input"] = interleaved(x)
    model = copy.deepcopy(single).double()
    for index, (task, scale) in enumerate(zip(tasks, model.scale)):
        model.set_scale(index)
        y = interleaved(model(x)).flatten()[::stride]
        expected[task] = y.clone()
        single.set_scale(index)
        difference = interleaved(single(x.float())).flatten()[::stride] - y
        expected[f"{task}.float"] = difference.abs().max()[None]
        for name, size in tiled.items() if scale in (1, 4) and index in (0, 5) else []:
            large = picture(*size, 2).double()
            expected[f"{name}.input"] = interleaved(large)
            published = Model(model).forward(large, index)
            expected[f"{name}.published"] = interleaved(published).flatten()[::stride].clone()
            paper = overlapping(model, large, scale)
            expected[f"{name}.paper"] = interleaved(paper).flatten()[::stride].clone()
    expected["stride"] = torch.tensor([float(stride)])
    return {name: values.float() for name, values in expected.items()}


def save(folder, name, model, tasks, kinds, half=False, stride=1, tiled={}):
    state = model.state_dict()
    if half:
        # The mean colour is a constant, which ipt has exactly, whatever a file of halves makes of it.
        for key, tensor in state.items():
            if tensor.is_floating_point() and "_mean." not in key:
                tensor.copy_(tensor.half())
        state = type(state)((key, value.half() if value.is_floating_point() else value) for key, value in state.items())
    with torch.no_grad():
        save_file(run(model, tasks, stride, tiled), folder / f"{name}.expected.safetensors")
    if "zip" in kinds:
        torch.save(state, folder / f"{name}.pt")
    if "legacy" in kinds:
        torch.save(state, folder / f"{name}.legacy.pt", _use_new_zipfile_serialization=False)
    print(name, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tiny", action="store_true", help="only the files small enough for fixtures/")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    # Sizes that 12 divides after 48 are taken away, and sizes that it does not.
    tiled = {"whole": (60, 84), "cut": (67, 101)}
    save(args.folder, "tiny-six", build(SCALES, 4, 1, 10), TASKS, ["zip"], half=True, stride=29, tiled=tiled)
    save(args.folder, "tiny-sr4", build([4], 4, 1, 11, output_bias=True), ["sr4"], ["legacy"], stride=53,
         tiled=tiled)
    if args.tiny:
        return
    both = ["zip", "legacy"]
    for scale, task in [(1, "denoise50"), (2, "sr2"), (3, "sr3"), (4, "sr4")]:
        save(args.folder, f"full-{task}", build([scale], 64, 12, 20 + scale), [task], both)
    six = build(SCALES, 64, 12, 30)
    save(args.folder, "full-six", six, TASKS, both)
    save(args.folder, "full-six-half", six, TASKS, ["zip"], half=True)


if __name__ == "__main__":
    main()
