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

# VALIDATION are pictures to watch, DATA those of scripts/evaluate. Twenty hours on two cores, four of them with AMX; DEVICE
# is what the model tells of them.
# The built-in model anew, as docs/default-model.md tells.
default-model PHOTOS STREAKS VALIDATION DATA OUT="default-model" DEVICE="2 cores": build
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/1 --tasks sr2,derain,denoise50 --unshuffle none --coarse-blocks 0 \
        --task-weights 1.1,1,1 --steps 9473 --schedule constant --lambda 0 --clip 0.5 --batch 8 --seed 11 \
        --rain-streaks {{STREAKS}} --validate {{VALIDATION}}
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/2 --from {{OUT}}/1/final.safetensors \
        --tasks sr2,sr3,sr4,derain,denoise30,denoise50 --task-weights 0.8,1.1,1.1,1.2,1.1,0.8 \
        --steps 26196 --lambda 0 --clip 0.5 --batch 8 --seed 12 \
        --rain-streaks {{STREAKS}} --validate {{VALIDATION}}
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/3 --from {{OUT}}/2/final.safetensors \
        --tasks sr2,sr3,sr4,derain,denoise30,denoise50 --task-weights 1.2,1.2,1.2,1.2,0.9,0.5 \
        --steps 50531 --warmup 500 --lambda 0 --clip 0.5 --batch 8 --seed 13 \
        --rain-streaks {{STREAKS}} --validate {{VALIDATION}}
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/4 --from {{OUT}}/3/final.safetensors \
        --freeze-body --unshuffle derain \
        --tasks sr2,sr3,sr4,derain,denoise30,denoise50 --task-weights 0,0,0,1,0,0 \
        --steps 21659 --lambda 0 --batch 8 --seed 41 --rain-streaks {{STREAKS}} --validate {{VALIDATION}}
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/5 --from {{OUT}}/4/final.safetensors \
        --freeze-body --tasks sr2,sr3,sr4,derain,denoise30,denoise50 --task-weights 0,0,0,1,0,0 \
        --steps 24285 --lr 3e-4 --lambda 0 --batch 8 --seed 51 --rain-streaks {{STREAKS}} --validate {{VALIDATION}}
    make -f examples/distil.mk IPT=target/release/ipt PHOTOS={{PHOTOS}} MODEL={{OUT}}/5/final.safetensors OUT={{OUT}}/6 \
        SEED=71 TASKS=sr2 EVERY=3 LENGTH="--steps 3051" {{OUT}}/6/sr2/run/final.safetensors
    make -f examples/distil.mk IPT=target/release/ipt PHOTOS={{PHOTOS}} MODEL={{OUT}}/5/final.safetensors OUT={{OUT}}/6 \
        SEED=71 TASKS=sr3 EVERY=2 LENGTH="--steps 4412" TRUTH=1 {{OUT}}/6/sr3/run/final.safetensors
    make -f examples/distil.mk IPT=target/release/ipt PHOTOS={{PHOTOS}} MODEL={{OUT}}/5/final.safetensors OUT={{OUT}}/6 \
        SEED=71 TASKS=sr4 LENGTH="--steps 2420" {{OUT}}/6/sr4/run/final.safetensors
    target/release/ipt tune --task sr4 --model {{OUT}}/6/sr4/run/final.safetensors --out {{OUT}}/7/sr4 --freeze-body \
        --pairs {{OUT}}/6/sr4/degraded {{OUT}}/6/sr4/target --steps 2564 --lr 1e-4 --lambda 0 --batch 8 --seed 72
    target/release/ipt tune --task denoise30 --model {{OUT}}/5/final.safetensors {{PHOTOS}} --out {{OUT}}/7/denoise30 \
        --freeze-body --steps 1998 --lr 3e-4 --lambda 0 --batch 8 --seed 74
    target/release/ipt merge --share 0.5 --overwrite {{OUT}}/5/final.safetensors {{OUT}}/6/sr2/run/final.safetensors \
        {{OUT}}/6/sr3/run/final.safetensors {{OUT}}/7/sr4/final.safetensors {{OUT}}/7/denoise30/final.safetensors \
        {{OUT}}/7/model.safetensors
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/8 --from {{OUT}}/7/model.safetensors --freeze-body \
        --task-weights 1,0,0,0,0,0 --steps 6494 --schedule constant --lambda 0 --batch 8 --seed 91
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/9 --from {{OUT}}/8/final.safetensors --freeze-body \
        --share-head sr2,sr3,sr4 --task-weights 1,1,1,0,0,0 --steps 24077 --lr 5e-4 --lambda 0 --batch 8 --seed 92
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/10 --from {{OUT}}/9/final.safetensors --freeze-body \
        --task-weights 0.8,1.1,1.1,0,0,0 --steps 4318 --lr 2e-4 --lambda 0 --batch 8 --seed 93
    target/release/ipt merge --share 0.5 --overwrite {{OUT}}/9/final.safetensors {{OUT}}/10/final.safetensors \
        {{OUT}}/10/model.safetensors
    mkdir -p {{OUT}}/11/0 {{OUT}}/11/1
    find -L {{PHOTOS}} -type f | LC_ALL=C sort | nl -nln -w1 -s' ' | while read -r n photo; do \
        ln -sf "$(realpath "$photo")" "{{OUT}}/11/$((n % 2))/$n-${photo##*/}"; done
    for of in sr2/0 sr2/1 sr3/0 sr3/1 sr4/1; do target/release/ipt degrade --overwrite --task ${of%/*} --format png \
        {{OUT}}/11/${of#*/} {{OUT}}/11/$of || [ $? = 1 ]; done
    target/release/ipt degrade --overwrite --task sr4 --format png {{PHOTOS}} {{OUT}}/11/sr4/all || [ $? = 1 ]
    for of in sr2/0 sr3/0 sr4/all; do target/release/ipt restore --skip-existing --task ${of%/*} --self-ensemble \
        --model {{OUT}}/10/model.safetensors {{OUT}}/11/$of {{OUT}}/11/ensemble/$of || exit; done
    target/release/ipt train --out {{OUT}}/11/run --from {{OUT}}/10/model.safetensors --freeze-body \
        --task-weights 1,1,1,0,0,0 --steps 23000 --lr 4e-4 --lambda 0 --batch 8 --seed 111 --validate {{VALIDATION}} \
        --pairs sr2 {{OUT}}/11/sr2/0 {{OUT}}/11/ensemble/sr2/0 --pairs sr2 {{OUT}}/11/sr2/1 {{OUT}}/11/1 \
        --pairs sr3 {{OUT}}/11/sr3/0 {{OUT}}/11/ensemble/sr3/0 --pairs sr3 {{OUT}}/11/sr3/1 {{OUT}}/11/1 \
        --pairs sr4 {{OUT}}/11/sr4/all {{OUT}}/11/ensemble/sr4/all --pairs sr4 {{OUT}}/11/sr4/1 {{OUT}}/11/1
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/12 --from {{OUT}}/11/run/final.safetensors --freeze-body \
        --task-weights 0.8,1,1,2,0,0 --loss psnr --steps 14153 --lr 2.5e-4 --lambda 0 --batch 8 --seed 141 \
        --rain-streaks {{STREAKS}} --validate {{VALIDATION}}
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/13 --from {{OUT}}/12/final.safetensors --freeze-body \
        --share-head sr2,sr3,sr4 --share-head denoise30,denoise50 --task-weights 0,0,0,0,1,1 \
        --steps 23248 --lr 4e-4 --lambda 0 --batch 8 --seed 152 --validate {{VALIDATION}}
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/14 --from {{OUT}}/13/final.safetensors --freeze-body \
        --coarse-blocks denoise30,denoise50=6 --task-weights 0,0,0,0,1.2,0.8 \
        --steps 26717 --lr 3e-4 --lambda 0 --batch 8 --seed 171 --validate {{VALIDATION}}
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/15 --from {{OUT}}/14/final.safetensors --freeze-body \
        --task-weights 0,0,0,0,1.2,0.8 --steps 8880 --lr 1.5e-4 --lambda 0 --batch 8 --seed 181 --validate {{VALIDATION}}
    target/release/ipt merge --share 0.7 --overwrite {{OUT}}/14/final.safetensors {{OUT}}/15/final.safetensors \
        {{OUT}}/15/model.safetensors
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/16 --from {{OUT}}/15/model.safetensors --freeze-body \
        --coarse-blocks derain=6 --task-weights 0,0,0,1,0,0 --loss psnr --steps 5670 --lr 2.5e-4 --lambda 0 --batch 8 --seed 191 \
        --rain-streaks {{STREAKS}} --validate {{VALIDATION}}
    target/release/ipt train {{PHOTOS}} --out {{OUT}}/17 --from {{OUT}}/16/final.safetensors --freeze-body --skip-transformer \
        --task-weights 0,0,0,1,0,0 --loss psnr --steps 9552 --lr 3e-4 --lambda 0 --batch 8 --seed 201 \
        --rain-streaks {{STREAKS}} --validate {{VALIDATION}}
    scripts/embed {{OUT}}/17/final.safetensors {{DATA}} "command=just default-model" "device={{DEVICE}}"
