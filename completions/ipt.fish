# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ipt_global_optspecs
    string join \n q/quiet j/jobs= h/help V/version
end

function __fish_ipt_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ipt_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ipt_using_subcommand
    set -l cmd (__fish_ipt_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ipt -n "__fish_ipt_needs_command" -s j -l jobs -d 'Threads to use; all of the machine\'s if not given' -r
complete -c ipt -n "__fish_ipt_needs_command" -s q -l quiet -d 'Say nothing but errors'
complete -c ipt -n "__fish_ipt_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ipt -n "__fish_ipt_needs_command" -s V -l version -d 'Print version'
complete -c ipt -n "__fish_ipt_needs_command" -f -a "restore" -d 'Repair pictures: enlarge them, remove noise or rain'
complete -c ipt -n "__fish_ipt_needs_command" -f -a "degrade" -d 'Damage pictures: shrink them, add noise or rain, compress or blur them'
complete -c ipt -n "__fish_ipt_needs_command" -f -a "score" -d 'Measure how near restored pictures are to their references'
complete -c ipt -n "__fish_ipt_needs_command" -f -a "train" -d 'Train a model on photographs, for several tasks at once'
complete -c ipt -n "__fish_ipt_needs_command" -f -a "tune" -d 'Fine-tune a trained model to one task'
complete -c ipt -n "__fish_ipt_needs_command" -f -a "merge" -d 'Put the tasks of several models into one'
complete -c ipt -n "__fish_ipt_needs_command" -f -a "export" -d 'Write a model as a file that Python opens'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -s t -l task -d 'What to undo: any task of the model. Several, separated by commas, are done one after the other: derain,denoise30,sr2' -r -f -a "sr2\t''
sr3\t''
sr4\t''
derain\t''
denoise30\t''
denoise50\t''"
complete -c ipt -n "__fish_ipt_using_subcommand restore" -s m -l model -d 'A model of `ipt train` or `ipt tune`, or published weights (.pt); `embedded` is the built-in model' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l tiling -d 'How a picture is cut into overlapping tiles' -r -f -a "auto\t'Large tiles, up to three times as wide as what the transformer sees at once, that share 10 pixels, blended, or 6 where a model adds to a bicubic enlargement'
paper\t'As in the paper: tiles of what the transformer sees at once, 48 pixels, or 96 where the model sees squares as pixels, that share 10'
published\t'As in the published code: such a tile every quarter of its side, and the mean of their middles; fifteen times the work'"
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l device -d 'Where to compute: auto takes a GPU where there is one; cuda:1 is the second GPU' -r -f -a "auto\t''
cpu\t''
cuda\t''"
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l precision -d 'Number format of products: bf16 is faster and a little less exact; auto takes it where the processor has it' -r -f -a "auto\t''
f32\t''
bf16\t''"
complete -c ipt -n "__fish_ipt_using_subcommand restore" -s o -l out -d 'Folder for the results; then all paths are inputs' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l files0-from -d 'Read the paths of the inputs from FILE (- is stdin), each ended by a zero byte, as `find -print0` writes them. They keep their folders below DIR; one whose `..` would lead out of it is refused' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l format -d 'Format of the outputs [default: by the extension of the output, else that of the input]' -r -f -a "png\t''
jpeg\t''
webp\t''
tiff\t''
bmp\t''
pnm\t''"
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l quality -d 'Quality of JPEG files, 1 to 100' -r
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l chroma -d 'Colour resolution of JPEG files' -r -f -a "444\t'A colour for each pixel'
422\t'For two pixels side by side'
420\t'For a square of four'"
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l webp-quality -d 'Write WebP files with loss, of this quality, 1 to 100; they are lossless otherwise' -r
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l png-effort -d 'How hard to look for a small PNG file; all are lossless' -r -f -a "fast\t'A tenth larger, in a tenth of the time'
usual\t'Nearly the smallest, in a third of the time'
small\t'The smallest'"
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l strip -d 'Leave out what the input says of camera, place and editing (EXIF, XMP); with `=all` its colour profile, too' -r -f -a "safe\t'All that does not change how the picture looks'
all\t'The colour profile, too: colours may look different then'"
complete -c ipt -n "__fish_ipt_using_subcommand restore" -s j -l jobs -d 'Threads to use; all of the machine\'s if not given' -r
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l list -d 'Print the model\'s tasks, its measured quality, size, id and provenance'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l self-ensemble -d 'Average the results for all eight flips and turns of the picture (for derain, for the picture and its mirror image): a little better, for eight (two) times the work'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l skip-transformer -d 'Leave the transformer out, and let the tail have what the head gives. With the built-in model this takes 28 to 37 % less time on AVX2; enlargement and rain come out as well, and noise loses 0.003 to 0.016 dB. Other models may lose more: score both'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l baseline -d 'Use no model: enlarge with the bicubic filter, or pass the picture on as it is. This is what a model has to beat'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l overwrite -d 'Replace outputs that exist'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l skip-existing -d 'Make only the outputs that are missing'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l dry-run -d 'Print what would become what, and do nothing'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l fail-fast -d 'Begin no further picture after a failure'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -l json -d 'Print a line of JSON for each picture: input, output, task, sizes, format and seconds, or the error; with restore also the model and its id, with degrade the seed and all parameters'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -s v -l verbose -d 'Print a line for each picture that is done'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -s q -l quiet -d 'Say nothing but errors'
complete -c ipt -n "__fish_ipt_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -s t -l task -d 'What `restore` is to undo, or another damage; any denoiseN, jpegN and blurN' -r -f -a "sr2\t''
sr3\t''
sr4\t''
derain\t''
denoise30\t''
denoise50\t''
jpeg40\t''
blur1.6\t''"
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l seed -d 'Another seed draws other noise and rain' -r
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l rain-streaks -d 'Take the rain from the pictures in this folder, bright streaks on black' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -s o -l out -d 'Folder for the results; then all paths are inputs' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l files0-from -d 'Read the paths of the inputs from FILE (- is stdin), each ended by a zero byte, as `find -print0` writes them. They keep their folders below DIR; one whose `..` would lead out of it is refused' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l format -d 'Format of the outputs [default: by the extension of the output, else that of the input]' -r -f -a "png\t''
jpeg\t''
webp\t''
tiff\t''
bmp\t''
pnm\t''"
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l quality -d 'Quality of JPEG files, 1 to 100' -r
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l chroma -d 'Colour resolution of JPEG files' -r -f -a "444\t'A colour for each pixel'
422\t'For two pixels side by side'
420\t'For a square of four'"
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l webp-quality -d 'Write WebP files with loss, of this quality, 1 to 100; they are lossless otherwise' -r
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l png-effort -d 'How hard to look for a small PNG file; all are lossless' -r -f -a "fast\t'A tenth larger, in a tenth of the time'
usual\t'Nearly the smallest, in a third of the time'
small\t'The smallest'"
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l strip -d 'Leave out what the input says of camera, place and editing (EXIF, XMP); with `=all` its colour profile, too' -r -f -a "safe\t'All that does not change how the picture looks'
all\t'The colour profile, too: colours may look different then'"
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -s j -l jobs -d 'Threads to use; all of the machine\'s if not given' -r
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l record -d 'Write into the result, a PNG file, how it was made: a text chunk called ipt with task, seed, parameters and version as JSON'
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l overwrite -d 'Replace outputs that exist'
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l skip-existing -d 'Make only the outputs that are missing'
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l dry-run -d 'Print what would become what, and do nothing'
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l fail-fast -d 'Begin no further picture after a failure'
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -l json -d 'Print a line of JSON for each picture: input, output, task, sizes, format and seconds, or the error; with restore also the model and its id, with degrade the seed and all parameters'
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -s v -l verbose -d 'Print a line for each picture that is done'
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -s q -l quiet -d 'Say nothing but errors'
complete -c ipt -n "__fish_ipt_using_subcommand degrade" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ipt -n "__fish_ipt_using_subcommand score" -l ref -d 'What the results should be: picture or folder; - is stdin' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand score" -s t -l task -d 'Measure as is usual for this task: as the protocol srN, denoise or derain' -r -f -a "sr2\t''
sr3\t''
sr4\t''
derain\t''
denoise30\t''
denoise50\t''"
complete -c ipt -n "__fish_ipt_using_subcommand score" -s p -l protocol -d 'Measure by the rules of this name, and say on stderr what they are. srN crops the reference to a multiple of N, leaves out a border of N pixels, and Y decides; denoise and derain count whole pictures, RGB or Y decides; all round 16 bits to 8. ipt-paper counts as the paper\'s code does for the task that --task names: on Y. What decides is what --min-psnr looks at' -r -f -a "sr2\t''
sr3\t''
sr4\t''
denoise\t''
derain\t''
ipt-paper\t''"
complete -c ipt -n "__fish_ipt_using_subcommand score" -s m -l metrics -d 'Measure these, separated by commas' -r -f -a "psnr\t''
ssim\t''
ms-ssim\t''"
complete -c ipt -n "__fish_ipt_using_subcommand score" -l shave -d 'Leave out a border of this many pixels on each side, whatever the task' -r
complete -c ipt -n "__fish_ipt_using_subcommand score" -l min-psnr -d 'Fail, with a line on stderr, if the mean PSNR of the (first) result is below this: that on what the protocol decides by, on RGB without one' -r
complete -c ipt -n "__fish_ipt_using_subcommand score" -l html -d 'Also write the report as a page that works offline: tables that sort, and results, reference and difference side by side with the worst tiles marked. Of more than 24 pictures the 24 worst are shown; large ones are shrunk, but not their worst tiles, so that all take about 32 MiB at most. FILE ends in .html; an older one is replaced' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand score" -s j -l jobs -d 'Threads to use; all of the machine\'s if not given' -r
complete -c ipt -n "__fish_ipt_using_subcommand score" -l json -d 'Print one JSON object: images, mean, interval, shave, protocol; of two results also difference'
complete -c ipt -n "__fish_ipt_using_subcommand score" -l csv -d 'Print CSV, one line for each picture, without the mean'
complete -c ipt -n "__fish_ipt_using_subcommand score" -s q -l quiet -d 'Say nothing but errors'
complete -c ipt -n "__fish_ipt_using_subcommand score" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ipt -n "__fish_ipt_using_subcommand train" -l preset -d 'Shape of the model [default: default]' -r -f -a "base\t'As published: 115 million parameters for one task'
default\t'The shape of the built-in model'
tiny\t'For trying things out'"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l from -d 'Begin with a trained model instead of random weights: a file, or `embedded` for the built-in one. The shape is the model\'s; a task that it has not learned begins with the nearest that it has' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand train" -l blocks -d 'Residual blocks of each head, and, given again, of the heads of these tasks [default: the preset\'s, or those of --from]. Where a trained model has fewer, the further ones stand behind them and change nothing until they have learned' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l coarse-blocks -d 'Residual blocks of a coarse level in the middle of each head, and, given again, of the heads of these tasks: they see squares of 2×2 as one, and so twice as far for a quarter of the work; 0 for no level [default: those of --from; in the preset default 6 for noise and rain]. What a trained model has not changes nothing until it has learned' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l share-head -d 'Tasks that share one head, where each else has its own: what one learns serves all, and the model is smaller. To be given once for each such head; `none` for none [default: as in --from; in the preset default all that enlarge, and all noise]. Where tasks of --from had heads of their own, they begin with the first\'s' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l shared-blocks -d 'Residual blocks behind the transformer that all tasks share [default: the preset\'s]. With as many fewer in each head, more is learned of many tasks in little time' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l unshuffle -d 'Tasks that see squares of 2×2 pixels as one pixel: the same work covers four times the area, and the model sees twice as far; `none`, or any that do not enlarge [default: as their like in --from or the preset: derain, but not in base]. Where --from has a task otherwise, its tail begins anew' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l tasks -d 'Tasks to learn; any denoiseN too [default: those of --from, else sr2,sr3,sr4,derain,denoise30,denoise50]' -r -f -a "sr2\t''
sr3\t''
sr4\t''
derain\t''
denoise30\t''
denoise50\t''"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l task-weights -d 'How often each task is drawn, relative to the others, in the order of the tasks (`ipt restore --list` tells a model\'s) [default: equally]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l pairs -d 'Let a task learn from pairs that you have instead of photographs, matched by their paths in both folders without extensions; may be given several times, for one task or for several' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l files-from -d 'Read further photographs from a list, one path a line; - is stdin' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand train" -s o -l out -d 'The run\'s folder, for its result (final.safetensors), checkpoints, log, curves, samples and config.toml' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l config -d 'Start from the options in this file, such as the config.toml of a run' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand train" -l steps -d 'Steps at which the run ends [default: 20000, if there is no --max-time]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l epochs -d 'Epochs after which the run ends: an epoch is as many patches as there are pictures' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l max-time -d 'Time of training after which the run ends, as in 2h30m; the learning rate follows whichever of steps and time is nearer its end' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l save-every -d 'Steps between checkpoints [default: 500]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l keep -d 'Checkpoints kept, the newest [default: 3]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l batch -d 'Patches in a batch [default: 16]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l accumulate -d 'Batches whose gradients make one step [default: 1]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l seed -d 'Another seed gives other weights at the start, and other patches [default: 0]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l optimizer -d 'The update rule [default: muon; adam with --schedule paper or --preset base]' -r -f -a "adam\t'Adam for all weights, as in the paper'
muon\t'Muon for the matrices inside, with 20 times the rate; Adam for the rest'"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l lr -d 'Largest learning rate [default of train: 5e-4, with adam 3e-4, with --schedule paper 5e-5; of tune: 2e-4, with adam 2e-5]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l schedule -d 'How the learning rate goes [default: cosine]' -r -f -a "cosine\t'Falls along half a cosine to near zero'
paper\t'The paper\'s: constant, and 40 % of that after two thirds of the run'
constant\t'The same throughout'"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l warmup -d 'Steps in which the learning rate rises at the start [default: 200]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l loss -d 'How restored pictures are compared with the true ones [default: l1]' -r -f -a "l1\t'The mean absolute error, as in the paper'
psnr\t'The PSNR of each patch, negated. In a last phase it gained 0.01 to 0.06 dB of enlargement over l1'"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l lambda -d 'Weight of the contrastive loss beside the L1 in levels of 0..255, or the PSNR in dB; 0 for none [default: 0.1]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l contrastive-form -d 'Which contrastive loss [default: paper]' -r -f -a "paper\t'Equation 5 of the paper'
supcon\t'Supervised contrastive, temperature 0.07'"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l contrastive-patches -d 'Patches of each image that the contrastive loss compares, drawn anew each step; 0 for all, which costs as much as a step or more where the model is small [default: 32]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l clip -d 'Largest norm of the gradient, the L1 being on the scale 0..1; 0 for no limit. The default is below the norms that occur, so that each step weighs the same, whatever its task [default: 0.001]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l ema -d 'Decay of the running mean of the weights, which is the result [default: 0.999]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l validate -d 'Measure on the good pictures in this folder, degraded as the tasks ask; none of them is trained on' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l validate-every -d 'Steps between measurements [default: 1000]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l rain-streaks -d 'Take half of the rain from the pictures in this folder, bright streaks on black' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l cache -d 'Memory for decoded photographs [default: 2048]' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l device -d 'Where to compute: auto takes a GPU where there is one; cuda:1 is the second GPU [default: auto]' -r -f -a "auto\t''
cpu\t''
cuda\t''"
complete -c ipt -n "__fish_ipt_using_subcommand train" -l precision -d 'Number format of products, sums being f32; auto takes bf16 where the machine has it [default: auto]' -r -f -a "auto\t''
f32\t''
bf16\t''"
complete -c ipt -n "__fish_ipt_using_subcommand train" -s j -l jobs -d 'Threads to use; all of the machine\'s if not given' -r
complete -c ipt -n "__fish_ipt_using_subcommand train" -l freeze-body -d 'Leave the body of the trained model as it is: train heads, tails and task embeddings only. What is not trained at all (in train, a task of weight 0) then gives what it gave before; where it shares its head with a task that is trained, the run is refused'
complete -c ipt -n "__fish_ipt_using_subcommand train" -l skip-transformer -d 'Train as `ipt restore --skip-transformer` restores; with --freeze-body and --lambda 0. With the built-in model and AVX2 a step takes a quarter less time'
complete -c ipt -n "__fish_ipt_using_subcommand train" -l resume -d 'Go on from the newest sound checkpoint of the run'
complete -c ipt -n "__fish_ipt_using_subcommand train" -s q -l quiet -d 'Say nothing but errors'
complete -c ipt -n "__fish_ipt_using_subcommand train" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ipt -n "__fish_ipt_using_subcommand tune" -s t -l task -d 'The task; any denoiseN too' -r -f -a "sr2\t''
sr3\t''
sr4\t''
derain\t''
denoise30\t''
denoise50\t''"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -s m -l model -d 'A model of `ipt train`, or published weights (.pt) [default: `embedded`, the built-in model]' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l pairs -d 'Learn from pairs that you have, matched by their paths in both folders without extensions, instead of degrading photographs; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l validate-pairs -d 'Measure on pairs that you have; none of their clean pictures is learned from' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l files-from -d 'Read further photographs from a list, one path a line; - is stdin' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand tune" -s o -l out -d 'The run\'s folder, for its result (final.safetensors), checkpoints, log, curves, samples and config.toml' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l config -d 'Start from the options in this file, such as the config.toml of a run' -r -F
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l steps -d 'Steps at which the run ends [default: 20000, if there is no --max-time]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l epochs -d 'Epochs after which the run ends: an epoch is as many patches as there are pictures' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l max-time -d 'Time of training after which the run ends, as in 2h30m; the learning rate follows whichever of steps and time is nearer its end' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l save-every -d 'Steps between checkpoints [default: 500]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l keep -d 'Checkpoints kept, the newest [default: 3]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l batch -d 'Patches in a batch [default: 16]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l accumulate -d 'Batches whose gradients make one step [default: 1]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l seed -d 'Another seed gives other weights at the start, and other patches [default: 0]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l optimizer -d 'The update rule [default: muon; adam with --schedule paper or --preset base]' -r -f -a "adam\t'Adam for all weights, as in the paper'
muon\t'Muon for the matrices inside, with 20 times the rate; Adam for the rest'"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l lr -d 'Largest learning rate [default of train: 5e-4, with adam 3e-4, with --schedule paper 5e-5; of tune: 2e-4, with adam 2e-5]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l schedule -d 'How the learning rate goes [default: cosine]' -r -f -a "cosine\t'Falls along half a cosine to near zero'
paper\t'The paper\'s: constant, and 40 % of that after two thirds of the run'
constant\t'The same throughout'"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l warmup -d 'Steps in which the learning rate rises at the start [default: 200]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l loss -d 'How restored pictures are compared with the true ones [default: l1]' -r -f -a "l1\t'The mean absolute error, as in the paper'
psnr\t'The PSNR of each patch, negated. In a last phase it gained 0.01 to 0.06 dB of enlargement over l1'"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l lambda -d 'Weight of the contrastive loss beside the L1 in levels of 0..255, or the PSNR in dB; 0 for none [default: 0.1]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l contrastive-form -d 'Which contrastive loss [default: paper]' -r -f -a "paper\t'Equation 5 of the paper'
supcon\t'Supervised contrastive, temperature 0.07'"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l contrastive-patches -d 'Patches of each image that the contrastive loss compares, drawn anew each step; 0 for all, which costs as much as a step or more where the model is small [default: 32]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l clip -d 'Largest norm of the gradient, the L1 being on the scale 0..1; 0 for no limit. The default is below the norms that occur, so that each step weighs the same, whatever its task [default: 0.001]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l ema -d 'Decay of the running mean of the weights, which is the result [default: 0.999]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l validate -d 'Measure on the good pictures in this folder, degraded as the tasks ask; none of them is trained on' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l validate-every -d 'Steps between measurements [default: 1000]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l rain-streaks -d 'Take half of the rain from the pictures in this folder, bright streaks on black' -r -f -a "(__fish_complete_directories)"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l cache -d 'Memory for decoded photographs [default: 2048]' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l device -d 'Where to compute: auto takes a GPU where there is one; cuda:1 is the second GPU [default: auto]' -r -f -a "auto\t''
cpu\t''
cuda\t''"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l precision -d 'Number format of products, sums being f32; auto takes bf16 where the machine has it [default: auto]' -r -f -a "auto\t''
f32\t''
bf16\t''"
complete -c ipt -n "__fish_ipt_using_subcommand tune" -s j -l jobs -d 'Threads to use; all of the machine\'s if not given' -r
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l freeze-body -d 'Leave the body of the trained model as it is: train heads, tails and task embeddings only. What is not trained at all (in train, a task of weight 0) then gives what it gave before; where it shares its head with a task that is trained, the run is refused'
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l skip-transformer -d 'Train as `ipt restore --skip-transformer` restores; with --freeze-body and --lambda 0. With the built-in model and AVX2 a step takes a quarter less time'
complete -c ipt -n "__fish_ipt_using_subcommand tune" -l resume -d 'Go on from the newest sound checkpoint of the run'
complete -c ipt -n "__fish_ipt_using_subcommand tune" -s q -l quiet -d 'Say nothing but errors'
complete -c ipt -n "__fish_ipt_using_subcommand tune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ipt -n "__fish_ipt_using_subcommand merge" -l share -d 'Where a later model has a task of an earlier one: the share of the later weights in the mean of both. With less than 1 a tuned model gives back part of what it gained, and of what it lost' -r
complete -c ipt -n "__fish_ipt_using_subcommand merge" -s j -l jobs -d 'Threads to use; all of the machine\'s if not given' -r
complete -c ipt -n "__fish_ipt_using_subcommand merge" -l overwrite -d 'Replace FILE if it exists'
complete -c ipt -n "__fish_ipt_using_subcommand merge" -s q -l quiet -d 'Say nothing but errors'
complete -c ipt -n "__fish_ipt_using_subcommand merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ipt -n "__fish_ipt_using_subcommand export" -s t -l task -d 'What the model\'s one task is, where MODEL are published weights that do not say' -r -f -a "sr2\t''
sr3\t''
sr4\t''
derain\t''
denoise30\t''
denoise50\t''"
complete -c ipt -n "__fish_ipt_using_subcommand export" -s j -l jobs -d 'Threads to use; all of the machine\'s if not given' -r
complete -c ipt -n "__fish_ipt_using_subcommand export" -l overwrite -d 'Replace FILE if it exists'
complete -c ipt -n "__fish_ipt_using_subcommand export" -s q -l quiet -d 'Say nothing but errors'
complete -c ipt -n "__fish_ipt_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
