//! Makes a trained model the embedded one, in f16.
//!
//! `cargo run --release --example embed -- RUN/final.safetensors [FACT=VALUE...]`, then build anew.
//! The facts, such as `hours=1.2`, join those that the training wrote down. Figures of quality, which
//! `ipt restore --list` shows, are facts like `measured.sr2.Set5.psnr_y=36.61`; `scripts/evaluate`
//! writes them: `FACTS=figures scripts/evaluate DATA --model RUN/final.safetensors`, then
//! `mapfile -t facts < figures` and `"${facts[@]}"` here.

use std::path::Path;

use anyhow::Context;
use candle_core::DType;
use ipt::weights::Model;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let from = arguments.next().context("which model?")?;
    let mut model = Model::open(Path::new(&from))?;
    for fact in arguments {
        let (name, value) = fact.split_once('=').with_context(|| format!("'{fact}' is not NAME=VALUE"))?;
        model.provenance.insert(name.to_owned(), value.to_owned());
    }
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/weights/default/model.safetensors");
    model.save(&to, DType::F16)?;
    eprintln!("{} parameters in {}", model.parameters.count(), to.display());
    Ok(())
}
