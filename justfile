# What the project can do; `just` alone lists it.

_default:
    @just --list --unsorted

# The program, for the CPU.
build:
    cargo build --release

# Every test, as CI runs them.
test:
    cargo test --release

# Formatting and lints, warnings being errors.
lint:
    cargo fmt --check
    cargo clippy --release --all-targets -- -D warnings

# Man pages and completions from the command-line definition, and the library's documentation.
docs:
    IPT_BLESS=1 cargo test --release --test surface
    cargo doc --release --no-deps

# PYTHON (default python3) is asked for torch.
# Operators beside candle's, whole commands, and the model, beside PyTorch's where that is.
bench:
    cargo bench --bench ops
    scripts/bench
    if ${PYTHON:-python3} -c 'import torch' 2>/dev/null; then bench/compare; else cargo bench --bench model; fi

# Golden pictures anew, after a change that is meant to change them: look at the difference.
fixtures:
    IPT_BLESS=1 cargo test --release --test golden

# One program for CPU and CUDA, which also starts where there is no driver; needs no GPU to build.
# CAP is the compute capability to compile kernels for: 90 for Hopper, 80 for anything later.
cuda CAP="90":
    scripts/build-cuda {{CAP}}

# MIB is what the photographs may take: with 41 the whole is under 60 MiB; "" takes all.
# A folder that runs on a machine with an NVIDIA driver and nothing else: tests, benchmark, training.
cuda-bundle OUT="target/cuda-bundle" PHOTOS="" STREAKS="" MIB="41":
    scripts/cuda-bundle {{ if MIB == "" { "" } else { "--photos-mib " + MIB } }} {{OUT}} {{PHOTOS}} {{STREAKS}}
