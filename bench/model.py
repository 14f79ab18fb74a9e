"""The model of src/model in PyTorch: NCHW inside, with the parameters' names of the published state
dict; and the files that it reads."""

import functools
import json
import math
import struct
from collections import OrderedDict
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

INPUT = 48
MEAN = (0.4488, 0.4371, 0.4040)
PRETRAINING = ["sr2", "sr3", "sr4", "derain", "denoise30", "denoise50"]


def scale_of(task):
    return int(task[2:]) if task.startswith("sr") else 1


@dataclass
class Config:
    """As src/model/config.rs has it."""

    tasks: list
    channels: int
    patch: int
    width: int
    layers: int
    heads: int
    task_embedding: str
    memory_norm: bool
    bicubic_residual: bool
    white: float
    # Files without these entries have the published shape.
    blocks: int = 2
    shared_heads: list = field(default_factory=list)
    shared_blocks: int = 0
    kernel: int = 5
    unshuffle: list = field(default_factory=list)
    tail: str = "staged"
    decoder_norm: bool = False
    output_bias: bool = False
    head_blocks: dict = field(default_factory=dict)
    coarse: dict = field(default_factory=dict)

    def unshuffle_by(self, task):
        return 2 if task in self.unshuffle else 1

    def input(self, task):
        """Side of the input in pixels."""
        return INPUT * self.unshuffle_by(task)

    def unit(self, task):
        """Side of a patch in pixels of the input."""
        return self.patch * self.unshuffle_by(task)

    def head(self, task):
        """The number of the head that the task has: its own, or that of the first of those that share it."""
        group = next((group for group in self.shared_heads if task in group), [task])
        return next(i for i, each in enumerate(self.tasks) if each in group)

    @staticmethod
    def base(tasks, **other):
        published = dict(channels=64, patch=3, width=576, layers=12, heads=12, task_embedding="per-position")
        published.update(memory_norm=False, bicubic_residual=False, white=255.0)
        return Config(tasks=tasks, **{**published, **other})


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * config.width, config.width))
        nn.init.xavier_uniform_(self.in_proj_weight)
        self.out_proj = nn.Linear(config.width, config.width, bias=config.output_bias)

    def forward(self, q, k, v):
        width = q.shape[-1]
        weight = self.in_proj_weight
        # What goes through the same projection goes through it once.
        if q is k and k is v:
            q, k, v = F.linear(q, weight).chunk(3, dim=-1)
        elif k is v:
            q = F.linear(q, weight[:width])
            k, v = F.linear(k, weight[width:]).chunk(2, dim=-1)
        else:
            q, k = F.linear(q, weight[: 2 * width]).chunk(2, dim=-1)
            v = F.linear(v, weight[2 * width :])
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (q, k, v))
        x = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(x.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, config, norms):
        super().__init__()
        self.self_attn = Attention(config)
        self.linear1 = nn.Linear(config.width, 4 * config.width)
        self.linear2 = nn.Linear(4 * config.width, config.width)
        for i in range(1, norms + 1):
            setattr(self, f"norm{i}", nn.LayerNorm(config.width))

    def feed_forward(self, x):
        return self.linear2(F.relu(self.linear1(x)))


class EncoderLayer(Layer):
    def __init__(self, config):
        super().__init__(config, norms=2)

    def forward(self, x):
        normal = self.norm1(x)
        x = x + self.self_attn(normal, normal, normal)
        return x + self.feed_forward(self.norm2(x))


class DecoderLayer(Layer):
    def __init__(self, config):
        super().__init__(config, norms=3)
        self.multihead_attn = Attention(config)

    def forward(self, z, memory, task):
        normal = self.norm1(z)
        told = normal + task
        z = z + self.self_attn(told, told, normal)
        z = z + self.multihead_attn(self.norm2(z) + task, memory, memory)
        return z + self.feed_forward(self.norm3(z))


class Body(nn.Module):
    def __init__(self, config):
        super().__init__()
        values, tokens = config.channels * config.patch**2, (INPUT // config.patch) ** 2
        self.patch, self.residual = config.patch, values == config.width
        self.embedding = (tokens, config.width) if config.task_embedding == "per-position" else (config.width,)
        self.linear_encoding = nn.Linear(values, config.width)
        self.position_encoding = nn.ModuleDict({"pe": nn.Embedding(tokens, config.width)})
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))})
        if config.memory_norm:
            self.encoder["norm"] = nn.LayerNorm(config.width)
        self.decoder = nn.ModuleDict({"layers": nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))})
        if config.decoder_norm:
            self.decoder["norm"] = nn.LayerNorm(config.width)
        if config.task_embedding != "none":
            self.query_embed = nn.Embedding(len(config.tasks), math.prod(self.embedding))
        hidden = 4 * config.width
        self.blocks = residual_blocks(config, config.shared_blocks)
        self.mlp_head = nn.Sequential(
            nn.Linear(config.width, hidden), nn.Identity(), nn.ReLU(), nn.Linear(hidden, values)
        )

    def forward(self, features, index):
        tokens = F.pixel_unshuffle(features, self.patch)
        size = tokens.shape[2:]
        tokens = tokens.flatten(2).transpose(1, 2)
        x = self.linear_encoding(tokens)
        x = x + tokens if self.residual else x
        # The transformer takes windows of 48×48 features.
        windows, joined = windows_of(*size, INPUT // self.patch)
        z = self.transformed(x[:, windows].flatten(0, 1), index).unflatten(0, (-1, len(windows)))
        z = z.flatten(1, 2)[:, joined]
        tokens = self.mlp_head(z) + z if self.residual else self.mlp_head(z)
        return F.pixel_shuffle(tokens.transpose(1, 2).unflatten(2, size), self.patch), tokens

    def transformed(self, x, index):
        x = x + self.position_encoding["pe"].weight
        for layer in self.encoder["layers"]:
            x = layer(x)
        memory = self.encoder["norm"](x) if "norm" in self.encoder else x
        task = self.query_embed.weight[index].view(self.embedding) if hasattr(self, "query_embed") else 0
        for layer in self.decoder["layers"]:
            x = layer(x, memory, task)
        return self.decoder["norm"](x) if "norm" in self.decoder else x


@functools.cache
def windows_of(rows, columns, side):
    """[windows, side²]: the tokens of each window, and [rows·columns]: the place in them of each token, as in
    src/model/windows.rs."""

    def starts(length):
        return [*range(0, length - side, side), length - side]

    def own(starts, i):
        return (starts[i - 1] + side + starts[i] + 1) // 2 if i else 0

    down, across = starts(rows), starts(columns)
    picture, windows = torch.arange(rows * columns).view(rows, columns), []
    places, inside = torch.zeros(rows, columns, dtype=torch.long), torch.arange(side * side).view(side, side)
    for i, top in enumerate(down):
        for j, left in enumerate(across):
            y, x = own(down, i), own(across, j)
            places[y : top + side, x : left + side] = len(windows) * side * side + inside[y - top :, x - left :]
            windows.append(picture[top : top + side, left : left + side].flatten())
    return torch.stack(windows), places.flatten()


class ResidualBlock(nn.Module):
    def __init__(self, channels, kernel):
        super().__init__()
        conv = lambda: nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.body = nn.Sequential(conv(), nn.ReLU(), conv())

    def forward(self, x):
        return x + self.body(x)


def residual_blocks(config, count):
    return nn.Sequential(*(ResidualBlock(config.channels, config.kernel) for _ in range(count)))


class Coarse(nn.Module):
    """Residual blocks that see squares of 2×2 features as one."""

    def __init__(self, config, blocks):
        super().__init__()
        self.down = nn.Linear(4 * config.channels, config.channels)
        self.blocks = residual_blocks(config, blocks)
        self.up = nn.Linear(config.channels, 4 * config.channels)

    def forward(self, x):
        gathered = F.pixel_unshuffle(x, 2).movedim(1, -1)
        coarse = self.blocks(self.down(gathered).movedim(-1, 1)).movedim(1, -1)
        return F.pixel_shuffle((gathered + self.up(coarse)).movedim(-1, 1), 2)


def head(config, task):
    blocks = residual_blocks(config, config.head_blocks.get(task, config.blocks))
    first = nn.Conv2d(3 * config.unshuffle_by(task) ** 2, config.channels, 3, padding=1)
    parts = [("0", first), *((str(i), block) for i, block in enumerate(blocks, 1))]
    if level := config.coarse.get(task):
        parts.insert(level["after"] + 1, ("coarse", Coarse(config, level["blocks"])))
    return nn.Sequential(OrderedDict(parts))


def tail(config, task):
    last = lambda outputs: nn.Conv2d(config.channels, outputs, 3, padding=1)
    whole = scale_of(task) * config.unshuffle_by(task)
    if config.tail == "direct":
        # The first entry is empty, so that the names are as with stages.
        return nn.Sequential(nn.Sequential(), last(3 * whole**2), nn.PixelShuffle(whole))
    stages = []
    for factor in {1: [], 2: [2], 3: [3], 4: [2, 2]}[whole]:
        conv = nn.Conv2d(config.channels, config.channels * factor**2, 3, padding=1)
        stages += [conv, nn.PixelShuffle(factor)]
    return nn.Sequential(nn.Sequential(*stages), last(3))


class Ipt(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        heads = {config.head(task): task for task in config.tasks}
        self.head = nn.ModuleDict({str(i): head(config, task) for i, task in heads.items()})
        self.body = Body(config)
        self.tail = nn.ModuleList(tail(config, task) for task in config.tasks)
        self.register_buffer("mean", 255 * torch.tensor(MEAN).view(3, 1, 1), persistent=False)

    def forward(self, x, task):
        """x [B, 3, H, W], 0..255 -> pictures [B, 3, H·scale, W·scale], features [B, N, C·P²]; H and W are multiples of
        Config.unit and at least Config.input."""
        index, white, scale = self.config.tasks.index(task), self.config.white, scale_of(task)
        inner = F.pixel_unshuffle((x - self.mean) * (white / 255), self.config.unshuffle_by(task))
        features = self.head[str(self.config.head(task))](inner)
        folded, tokens = self.body(features, index)
        out = self.tail[index](self.body.blocks(folded + features)).float() * (255 / white)
        if not self.config.bicubic_residual:
            return out + self.mean, tokens
        height, width = (bicubic(scale, side) for side in x.shape[2:])
        return out + (x if scale == 1 else height @ x @ width.T), tokens


@functools.cache
def bicubic(scale, inputs):
    """[inputs·scale, inputs]: MATLAB's enlargement of a line, mirrored at its ends."""

    def kernel(x):
        x = abs(x)
        inner, outer = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        return inner if x <= 1 else outer if x < 2 else 0.0

    rows = torch.zeros(inputs * scale, inputs)
    for y in range(inputs * scale):
        centre = (y + 0.5) / scale - 0.5
        for i in range(math.floor(centre) - 1, math.floor(centre) + 3):
            mirrored = -1 - i if i < 0 else 2 * inputs - 1 - i if i >= inputs else i
            rows[y, mirrored] += kernel(centre - i)
    return rows


def open_model(path, task):
    """A model from a file of `ipt train` or `ipt export`, f32."""
    if path.endswith((".pt", ".pth")):
        config, weights = None, torch.load(path, map_location="cpu", weights_only=True)
    else:
        with open(path, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header, data = json.loads(file.read(size)), bytearray(file.read())
        document = header.pop("__metadata__", {}).get("ipt")
        config = Config(**json.loads(document)["config"]) if document else None
        types = {"F32": torch.float32, "F16": torch.float16, "I64": torch.int64}
        weights = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            tensor = torch.frombuffer(data[begin:end], dtype=types[entry["dtype"]])
            weights[name] = tensor.view(entry["shape"]).float()
    if config is None:
        config = published(weights, task)
    constant = ("sub_mean", "add_mean", "body.position_encoding.position_ids")
    model = Ipt(config)
    model.load_state_dict({name: w for name, w in weights.items() if not name.startswith(constant)})
    return model


def published(weights, task):
    """The configuration that the shapes tell, as in src/weights/published.rs."""
    tokens, width = weights["body.position_encoding.pe.weight"].shape
    return Config.base(
        PRETRAINING if weights["body.query_embed.weight"].shape[0] == 6 else [task],
        channels=weights["head.0.0.weight"].shape[0],
        patch=INPUT // math.isqrt(tokens),
        width=width,
        layers=sum(f"body.encoder.layers.{i}.norm1.weight" in weights for i in range(len(weights))),
        heads=max(heads for heads in range(1, 13) if width % heads == 0),
        white=round(-float(weights["sub_mean.bias"][0]) / MEAN[0]),
    )
