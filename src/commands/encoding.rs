//! From the arguments about output files to options.

use crate::batch::Writing;
use crate::cli::encoding::{ChromaName, EffortName, Encoding, StripName};
use crate::picture::{Chroma, Effort, EncodeOptions, Strip};

/// How every file of a batch is written.
pub fn choose(args: &Encoding) -> Writing<'static> {
    let options = EncodeOptions {
        jpeg_quality: args.quality,
        chroma: match args.chroma {
            ChromaName::Full => Chroma::Full,
            ChromaName::Half => Chroma::Half,
            ChromaName::Quarter => Chroma::Quarter,
        },
        webp_quality: args.webp_quality,
        png_effort: match args.png_effort {
            EffortName::Fast => Effort::Fast,
            EffortName::Usual => Effort::Usual,
            EffortName::Small => Effort::Small,
        },
    };
    let strip = args.strip.map(|strip| match strip {
        StripName::Safe => Strip::Safe,
        StripName::All => Strip::All,
    });
    Writing { options, strip, record: None }
}
