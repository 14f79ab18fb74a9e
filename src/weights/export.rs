//! Our weights in the names of the published code, as files that Python opens.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;

use safetensors::tensor::Dtype;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::archive::Bytes;
use super::model::Model;
use super::published::{self, ADD_MEAN, POSITION_IDS, SUB_MEAN};
use crate::atomic::{self, Existing};
use crate::error::{AtPath, Error, Result};
use crate::model::{Config, TailForm, TaskEmbedding};

/// Kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// What `torch.save` writes.
    Torch,
    /// The same names without a pickle.
    Safetensors,
}

/// Writes `model` as the published code names it; the extension of `path` is `pt`, `pth` or
/// `safetensors`.
///
/// # Errors
/// When the published code has no such model: the message says why; or when the file cannot be
/// written.
pub fn export(model: &Model, path: &Path, existing: Existing) -> Result<()> {
    let format = match path.extension().and_then(|extension| extension.to_str()) {
        Some("pt" | "pth") => Format::Torch,
        Some("safetensors") => Format::Safetensors,
        _ => return Err(Error::Usage("weights are exported as .pt or .safetensors".into())).at(path),
    };
    let bytes = bytes(model, format).at(path)?;
    atomic::write(path, &bytes, existing)
}

fn bytes(model: &Model, format: Format) -> Result<Vec<u8>> {
    expressible(&model.config)?;
    let tensors = tensors(model)?;
    match format {
        Format::Torch => torch(&tensors),
        Format::Safetensors => safetensors::serialize(&tensors, None)
            .map_err(|error| Error::Model(format!("the weights cannot be written: {error}"))),
    }
}

/// That the published code can build the model, and that [`published::read`] would find the same.
fn expressible(config: &Config) -> Result<()> {
    let heads = published::heads(config.width);
    let misfits = [
        (config.width != config.token_values(), "its transformer is not as wide as its patches".to_owned()),
        (
            config.task_embedding != TaskEmbedding::PerPosition,
            "its tasks have one vector and not one for each position".into(),
        ),
        (
            config.tasks.iter().any(|&task| config.blocks_of(task) != 2) || config.kernel != 5,
            "its heads have other blocks than two of 5×5".into(),
        ),
        (!config.coarse.is_empty(), "its heads have coarse blocks".into()),
        (!config.shared_heads.is_empty(), "some of its tasks share a head".into()),
        (config.shared_blocks != 0, "its tasks share residual blocks".into()),
        (!config.unshuffle.is_empty(), "its heads see squares of pixels as one".into()),
        (config.tail != TailForm::Staged, "its tails enlarge in one step".into()),
        (config.memory_norm, "its decoder sees the encoder's output normalised".into()),
        (config.decoder_norm, "its mlp head sees the decoder's output normalised".into()),
        (config.bicubic_residual, "its output is added to the bicubic enlargement".into()),
        (config.white.fract() != 0.0, format!("its white is {} and not a whole number", config.white)),
        (config.heads != heads, format!("it has {} attention heads and not {heads}", config.heads)),
    ];
    let misfits: Vec<_> = misfits.into_iter().filter(|(misfit, _)| *misfit).map(|(_, why)| why).collect();
    match misfits.as_slice() {
        [] => Ok(()),
        reasons => Err(Error::Model(format!("the published code has no such model: {}", reasons.join("; ")))),
    }
}

/// The parameters and the constants.
fn tensors(model: &Model) -> Result<BTreeMap<String, Bytes>> {
    let mut tensors = BTreeMap::new();
    for (name, tensor) in model.parameters.tensors() {
        tensors.insert(name, Bytes::of(&tensor)?);
    }
    for (name, values) in published::constant_tensors(&model.config) {
        let bytes = match name {
            POSITION_IDS => Bytes::new(Dtype::I64, vec![1, values.len()], |i| (i as i64).to_le_bytes()),
            name if name == SUB_MEAN[0] || name == ADD_MEAN[0] => {
                Bytes::new(Dtype::F32, vec![3, 3, 1, 1], |i| values[i].to_le_bytes())
            }
            _ => Bytes::new(Dtype::F32, vec![values.len()], |i| values[i].to_le_bytes()),
        };
        tensors.insert(name.to_owned(), bytes);
    }
    Ok(tensors)
}

/// A zip archive as `torch.save` writes it; the same tensors give the same bytes.
fn torch(tensors: &BTreeMap<String, Bytes>) -> Result<Vec<u8>> {
    let failed =
        |error: zip::result::ZipError| Error::Model(format!("the archive cannot be written: {error}"));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let mut put = |name: &str, bytes: &[u8]| -> Result<()> {
        // Numbers begin where a processor likes them, so that the file can be mapped into memory.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(bytes.len() > u32::MAX as usize)
            .with_alignment(64);
        archive.start_file(format!("archive/{name}"), options).map_err(failed)?;
        Ok(archive.write_all(bytes)?)
    };
    put("data.pkl", &pickle(tensors))?;
    put("byteorder", b"little")?;
    for (key, tensor) in tensors.values().enumerate() {
        put(&format!("data/{key}"), &tensor.bytes)?;
    }
    put("version", b"3\n")?;
    Ok(archive.finish().map_err(failed)?.into_inner())
}

/// The program that makes an OrderedDict of the tensors, whose storages are numbered.
fn pickle(tensors: &BTreeMap<String, Bytes>) -> Vec<u8> {
    let mut out = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (key, (name, tensor)) in tensors.iter().enumerate() {
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(match tensor.dtype {
            Dtype::I64 => &b"ctorch\nLongStorage\n"[..],
            _ => b"ctorch\nFloatStorage\n",
        });
        text(&mut out, &key.to_string());
        text(&mut out, "cpu");
        number(&mut out, tensor.shape.iter().product());
        out.extend(b"tQK\0(");
        tensor.shape.iter().for_each(|&dim| number(&mut out, dim));
        out.extend(b"t(");
        (1..=tensor.shape.len()).for_each(|i| number(&mut out, tensor.shape[i..].iter().product()));
        // No gradient, no hooks.
        out.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"u.");
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A size, of 16, 32 or more bits.
fn number(out: &mut Vec<u8>, value: usize) {
    if let Ok(value) = u16::try_from(value) {
        out.push(b'M');
        out.extend(value.to_le_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        out.push(b'J');
        out.extend(value.to_le_bytes());
    } else {
        // The highest byte of the nine is 0, as the number is not negative.
        out.extend([0x8a, 9]);
        out.extend((value as u64).to_le_bytes());
        out.push(0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use candle_core::Device;

    use super::*;
    use crate::model::{CoarseLevel, Preset};
    use crate::task::Task;
    use crate::weights::Parameters;

    fn model(config: Config) -> Model {
        let parameters = Parameters::init(&config, 5, &Device::Cpu).unwrap();
        Model { config, parameters, provenance: Default::default() }
    }

    /// As the published code has it, but small.
    fn published(tasks: Vec<Task>) -> Config {
        Config { channels: 4, width: 36, layers: 2, ..Config::preset(Preset::Base, tasks) }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for tasks in [
            Task::PRETRAINING.to_vec(),
            vec!["sr2".parse().unwrap()],
            vec!["sr3".parse().unwrap()],
            vec!["sr4".parse().unwrap()],
            vec!["denoise25".parse().unwrap()],
        ] {
            let model = model(published(tasks.clone()));
            for format in [Format::Torch, Format::Safetensors] {
                let bytes = bytes(&model, format).unwrap();
                assert!(bytes == super::bytes(&model, format).unwrap());
                let again = Model::from_reader(Cursor::new(bytes), Some(tasks[0])).unwrap();
                assert_eq!(again.config, model.config);
                for (name, tensor) in model.parameters.tensors() {
                    let value = |tensor: &candle_core::Tensor| {
                        tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
                    };
                    assert_eq!(value(&tensor), value(again.parameters.get(&name).unwrap()), "{name}");
                }
            }
        }
    }

    #[test]
    fn biases_of_older_versions_stay() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/published/tiny-sr4.legacy.pt");
        let model = Model::open(&path).unwrap();
        assert!(model.config.output_bias);
        for format in [Format::Torch, Format::Safetensors] {
            let again = Model::from_reader(Cursor::new(bytes(&model, format).unwrap()), None).unwrap();
            assert_eq!(again.id().unwrap(), model.id().unwrap());
        }
    }

    #[test]
    fn what_the_published_code_lacks_is_said() {
        let (tasks, all) = (vec![Task::Derain], Task::PRETRAINING.to_vec());
        let good = published(tasks.clone());
        let level = CoarseLevel { after: 1, blocks: 1 };
        for (config, reason) in [
            (Config::preset(Preset::Tiny, tasks), "bicubic"),
            (Config { heads: 6, ..good.clone() }, "6 attention heads and not 12"),
            (Config { blocks: 3, ..good.clone() }, "other blocks"),
            (Config { coarse: [(good.tasks[0], level)].into(), ..good.clone() }, "coarse blocks"),
            (Config { shared_blocks: 1, ..good.clone() }, "share residual blocks"),
            (Config { shared_heads: vec![all[..3].to_vec()], ..published(all.clone()) }, "share a head"),
            (Config { unshuffle: good.tasks.clone(), ..good.clone() }, "squares of pixels"),
            (Config { tail: TailForm::Direct, ..good.clone() }, "in one step"),
            (Config { memory_norm: true, ..good.clone() }, "normalised"),
            (Config { decoder_norm: true, ..good.clone() }, "normalised"),
        ] {
            let error = bytes(&model(config), Format::Torch).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
