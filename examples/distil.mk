# Trains a model to reach in one pass what it reaches with `ipt restore --self-ensemble`.
#
#   make -f examples/distil.mk PHOTOS=photos
#   make -f examples/distil.mk PHOTOS=photos MODEL=run/final.safetensors TASKS="sr2+sr4 derain" LENGTH="--max-time 30m"
#
# For each of TASKS photographs are degraded, MODEL restores them with --self-ensemble, and a copy of MODEL learns to
# give that for them, while its body stays. OUT/model.safetensors has what was learned, and MODEL's other
# tasks. Tasks with + between learn in one run; those with one head must, or each gets a head of its own. Against
# the truth a step's gradient is mostly of what nobody can know, such as the grain of a photograph; against the mean
# it is more of what can be learned. TRUTH=1 has it learn from both. The weights that are kept lie between MODEL's
# and what was learned: SHARE of the latter.
#
# EVERY=3 takes every third photograph (EVERY_sr2=3 for sr2 alone): the restoring takes most of the time.
# DEGRADE are options of `ipt degrade`, OPTIONS of `ipt train`; LENGTH is that of each run. Only what is missing is
# made, and what was interrupted goes on; after a change of what was asked for, take another OUT.

IPT     ?= ipt
PHOTOS  ?= $(error PHOTOS is the folder of photographs to learn from)
MODEL   ?= embedded
TASKS   ?= sr2+sr3+sr4 derain denoise30 denoise50
OUT     ?= distilled
LENGTH  ?= --max-time 10m
SEED    ?= 0
EVERY   ?= 1
TRUTH   ?=
SHARE   ?= 0.5
DEGRADE ?=
OPTIONS ?= --batch 8 --lambda 0 --lr 3e-4

.PHONY: all clean
.PRECIOUS: $(OUT)/%/photos $(OUT)/%/degraded $(OUT)/%/target
all: $(OUT)/model.safetensors

# Links with numbers: photographs of different folders may have one name.
$(OUT)/%/photos:
	rm -rf $@.part && mkdir -p $@.part
	find -L $(PHOTOS) -samefile $(OUT) -prune -o -type f -print > $@.list
	LC_ALL=C sort $@.list | awk 'NR % $(or $(EVERY_$*),$(EVERY)) == 0' | while IFS= read -r photo; do \
	    n=$$((n + 1)); ln -s "$$(realpath "$$photo")" "$@.part/$$n-$${photo##*/}"; done
	mv $@.part $@

# Folders get their names when they are whole. A photograph that cannot be read is missing, no more.
$(OUT)/%/degraded: | $(OUT)/%/photos
	rm -rf $@.part
	$(IPT) degrade --task $* --seed $(SEED) $(DEGRADE) --format png $(OUT)/$*/photos $@.part || [ $$? = 1 ]
	mv $@.part $@

$(OUT)/%/target: | $(OUT)/%/degraded
	$(IPT) restore --task $* --model $(MODEL) --self-ensemble --skip-existing $(OUT)/$*/degraded $@.part
	mv $@.part $@

# The tasks of a run.
of = $(subst +, ,$*)
comma := ,
empty :=
space := $(empty) $(empty)

.SECONDEXPANSION:
$(OUT)/%/run/final.safetensors: | $$(foreach task,$$(of),$(OUT)/$$(task)/target)
	$(IPT) train --from $(MODEL) --tasks $(subst $(space),$(comma),$(of)) --freeze-body --out $(@D) \
	    $(foreach task,$(of),--pairs $(task) $(OUT)/$(task)/degraded $(OUT)/$(task)/target \
	    $(if $(TRUTH),--pairs $(task) $(OUT)/$(task)/degraded $(OUT)/$(task)/photos)) --seed $(SEED) $(LENGTH) $(OPTIONS) \
	    $(if $(wildcard $(@D)/checkpoints/*),--resume)

$(OUT)/model.safetensors: $(TASKS:%=$(OUT)/%/run/final.safetensors)
	$(IPT) merge $(MODEL) $^ $@ --overwrite --share $(SHARE)

clean:
	rm -r $(OUT)
