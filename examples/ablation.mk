# What earns its time? Short trainings that differ in one thing each, over some seeds, as a table.
#
#   make -f examples/ablation.mk PHOTOS=photos VALIDATION=holdout STEPS=5000
#   make -f examples/ablation.mk PHOTOS=photos VALIDATION=holdout MINUTES=60
#
# Pre-training (the paper's section 4.5 in small), for STEPS each or for MINUTES each: each of ARMS is
# KEY-VALUE, one line of the run's config.toml changed: lambda-0 is without the contrastive loss,
# layers-0 without a transformer. The first one is what the others are compared with. Then fine-tuning:
# for each of TUNE_TASKS, on FEW photographs and for TUNE_STEPS, a model that begins with the first
# arm's (tuned-TASK) beside one that begins with nothing (scratch-TASK), all else being the same.
#
# As it stands that is 15 runs of pre-training and 12 of fine-tuning, of 5,000 steps each: nearly a day on two cores without
# AMX. SEEDS=1, MINUTES=4 and TUNE_TASKS= make it a coffee break.
#
# Only what is missing is made, and a run that was interrupted goes on. OPTIONS are of `ipt train` and
# hold for every run, but for what an arm changes; those of `ipt` go with it: IPT="ipt --jobs 2". RATE is the
# largest learning rate of every run; without it each has its own: that of OPTIONS or of an arm rate-VALUE,
# else the default, which for the arm optimizer-adam is Adam's.

IPT        ?= ipt
PHOTOS     ?= $(error PHOTOS is the folder of photographs to learn from)
VALIDATION ?= $(error VALIDATION is the folder of pictures to measure on)
OUT        ?= ablation
PRESET     ?= default
TASKS      ?= sr2 sr3 sr4 derain denoise30 denoise50
STEPS      ?= 5000
MINUTES    ?=
SEEDS      ?= 1 2 3
OPTIONS    ?=
ARMS       ?= lambda-0.1 lambda-0 layers-0 task_embedding-none optimizer-adam
TUNE_TASKS ?= sr2 denoise70
TUNE_STEPS ?= $(STEPS)
RATE       ?=
FEW        ?= 20

here   := $(dir $(lastword $(MAKEFILE_LIST)))
first  := $(firstword $(ARMS))
tuning := $(foreach task,$(TUNE_TASKS),tuned-$(task) scratch-$(task))
# A run's place is OUT/ARM/SEED.
seed = $(notdir $(@D))
run  = $(if $(wildcard $(@D)/checkpoints/*),--resume) --out $(@D) --seed $(seed) $(if $(RATE),--lr $(RATE)) --validate $(VALIDATION)
# Only the last measurement counts.
long  = $(if $(MINUTES),--max-time $(MINUTES)m --validate-every 1000000,--steps $(STEPS) --validate-every $(STEPS))
short = --steps $(TUNE_STEPS) --validate-every $(TUNE_STEPS) --files-from $(OUT)/few

.PHONY: all clean
.DELETE_ON_ERROR:
.SECONDARY:
all: $(foreach arm,$(ARMS) $(tuning),$(SEEDS:%=$(OUT)/$(arm)/%/final.safetensors))
	@python3 $(here)ablation.py $(OUT) "$(SEEDS)" $(ARMS)
	@for task in $(TUNE_TASKS); do \
	    echo; python3 $(here)ablation.py $(OUT) "$(SEEDS)" scratch-$$task tuned-$$task; done

# A run of no step in this place, for its config.toml, which keeps OPTIONS for the others. Nothing is lost
# where one that was interrupted is begun anew.
none = rm -rf $(1) && \
    $(IPT) train $(PHOTOS) --out $(1) --preset $(PRESET) $(TASKS:%=--tasks %) --steps 0 $(OPTIONS)

$(OUT)/base/config.toml:
	$(call none,$(@D))

$(OUT)/few: $(OUT)/base/config.toml
	find $(PHOTOS) -type f | LC_ALL=C sort | head -n $(FEW) > $@

# A number stays a number and a word a word; how long a run is stands beside it.
$(OUT)/%.toml: $(OUT)/base/config.toml
	arm='$*' && key=$${arm%%-*} && \
	    { grep -q "^$$key = " $< || { echo "$< has no line $$key" >&2; exit 1; }; } && \
	    sed -E -e "s/^$$key = (\"?).*/$$key = \1$${arm#*-}\1/" -e '/^steps = /d' $< > $@

# The program knows which rate goes with another optimizer.
$(OUT)/optimizer-%.toml: $(OUT)/base/config.toml
	$(call none,$(OUT)/base-$*) --optimizer $*
	sed '/^steps = /d' $(OUT)/base-$*/config.toml > $@

define pretrain
$(OUT)/$(1)/%/final.safetensors: $(OUT)/$(1).toml
	$$(IPT) train --config $$< $$(long) $$(run)
endef
define tune
$(OUT)/scratch-$(1)/%/final.safetensors: $(OUT)/$(first).toml $(OUT)/few
	$$(IPT) train --config $$< --tasks $(1) $$(short) $$(run)
$(OUT)/tuned-$(1)/%/final.safetensors: $(OUT)/$(first).toml $(OUT)/$(first)/%/final.safetensors $(OUT)/few
	$$(IPT) train --config $$< --tasks $(1) --from $(OUT)/$(first)/$$*/final.safetensors $$(short) $$(run)
endef
$(foreach arm,$(ARMS),$(eval $(call pretrain,$(arm))))
$(foreach task,$(TUNE_TASKS),$(eval $(call tune,$(task))))

clean:
	rm -r $(OUT)
