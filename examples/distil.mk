# A model that gives at once what it gives as the mean over turned pictures (restore --self-ensemble).
#
#   make -f examples/distil.mk PHOTOS=photos
#   make -f examples/distil.mk PHOTOS=photos MODEL=run/final.safetensors TASKS="sr2 sr4" LENGTH="--max-time 30m"
#
# For each of TASKS photographs are degraded, MODEL restores them with --self-ensemble, and a copy of MODEL learns to
# give that for them, while its body stays. OUT/model.safetensors has what was learned, and MODEL's other
# tasks. Against the truth a step's gradient is mostly of what nobody can know, such as the grain of a
# photograph; against the mean it is of what can be learned.
#
# EVERY=3 takes each third photograph (EVERY_sr2=3 for sr2 alone): the restoring takes most of the time.
# DEGRADE are options of `ipt degrade`, OPTIONS of `ipt tune`. Only what is missing is made, and a run that was
# interrupted goes on; after a change of what was asked for, take another OUT.

IPT     ?= ipt
PHOTOS  ?= $(error PHOTOS is the folder of photographs to learn from)
MODEL   ?= embedded
TASKS   ?= sr2 sr3 sr4 derain denoise30 denoise50
OUT     ?= distilled
LENGTH  ?= --max-time 10m
SEED    ?= 0
EVERY   ?= 1
DEGRADE ?=
OPTIONS ?= --batch 8 --lambda 0 --lr 3e-4

model = $(patsubst %,--model %,$(filter-out embedded,$(MODEL)))

.PHONY: all clean
.DELETE_ON_ERROR:
.SECONDARY:
all: $(OUT)/model.safetensors

# A folder gets its name when it is whole.
$(OUT)/%/degraded:
	rm -rf $@.part
	find -L $(PHOTOS) -type f | LC_ALL=C sort | awk 'NR % $(or $(EVERY_$*),$(EVERY)) == 0' | tr '\n' '\0' | \
	    $(IPT) degrade --task $* --seed $(SEED) $(DEGRADE) --format png --files0-from - --out $@.part
	mv $@.part $@

$(OUT)/%/target: $(OUT)/%/degraded
	rm -rf $@.part
	$(IPT) restore --task $* $(model) --self-ensemble $< $@.part
	mv $@.part $@

$(OUT)/%/run/final.safetensors: $(OUT)/%/degraded $(OUT)/%/target
	$(IPT) tune --task $* $(model) --pairs $^ --out $(@D) --freeze-body --seed $(SEED) $(LENGTH) $(OPTIONS) \
	    $(if $(wildcard $(@D)/checkpoints/*),--resume)

$(OUT)/model.safetensors: $(TASKS:%=$(OUT)/%/run/final.safetensors)
	$(IPT) merge $(MODEL) $^ $@ --overwrite

clean:
	rm -r $(OUT)
