//! What has to be known to damage a picture in the same way again.

use serde::Serialize;

use super::{Degradation, Rain, StreakSet, blur, stream};

/// How a picture was damaged. As text it is a JSON object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// The program and its version.
    program: &'static str,
    task: String,
    /// What the random numbers were drawn by; none where nothing is random.
    #[serde(flatten)]
    drawn_by: Option<DrawnBy>,
    #[serde(flatten)]
    parameters: Parameters,
    /// How results become samples.
    rounding: &'static str,
    /// Whether results outside the range of samples are brought to its ends.
    clip: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct DrawnBy {
    seed: u64,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Parameters {
    Shrink { scale: usize, kernel: &'static str, crop: &'static str },
    Noise { distribution: &'static str, sigma: f32 },
    Rain(Streaks),
    Jpeg { quality: u8, chroma: &'static str },
    Blur { kernel: &'static str, sigma: f32, radius: usize, border: &'static str },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "streaks", rename_all = "lowercase")]
enum Streaks {
    Procedural(Rain),
    Recorded { layers: usize, blake3: String },
}

impl Record {
    /// What [`degrade`](super::degrade()) does with the random [`stream`] of this seed and name.
    pub fn new(degradation: Degradation, seed: u64, name: &str, streaks: Option<&StreakSet>) -> Record {
        let parameters = match degradation {
            Degradation::Shrink(scale) => Parameters::Shrink {
                scale: scale as usize,
                kernel: "bicubic, a = -0.5, antialiased, as MATLAB's imresize",
                crop: "to a multiple of the scale, from the top left",
            },
            Degradation::Noise(sigma) => Parameters::Noise { distribution: "gaussian", sigma },
            Degradation::Rain => Parameters::Rain(match streaks {
                Some(streaks) => {
                    let blake3 = streaks.digest().to_hex().to_string();
                    Streaks::Recorded { layers: streaks.len(), blake3 }
                }
                // The first thing that is drawn.
                None => Streaks::Procedural(Rain::random(&mut stream(seed, degradation, name))),
            }),
            Degradation::Jpeg(quality) => Parameters::Jpeg { quality, chroma: "4:2:0" },
            Degradation::Blur(sigma) => Parameters::Blur {
                kernel: "gaussian",
                sigma,
                radius: blur::radius(sigma),
                border: "mirrored",
            },
        };
        let random = matches!(degradation, Degradation::Noise(_) | Degradation::Rain);
        Record {
            program: concat!("ipt ", env!("CARGO_PKG_VERSION")),
            task: degradation.to_string(),
            drawn_by: random.then(|| DrawnBy { seed, name: name.to_owned() }),
            parameters,
            rounding: "half up",
            clip: true,
        }
    }
}

impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Strings and finite numbers always serialise.
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::degrade::Layer;

    #[test]
    fn layers_are_told_by_their_contents() {
        let streaks = StreakSet::new(vec![Layer { width: 1, height: 2, samples: vec![3, 4] }]).unwrap();
        let record = Record::new(Degradation::Rain, 0, "a.png", Some(&streaks)).to_string();
        assert!(record.contains(&format!("\"layers\":1,\"blake3\":\"{}\"", streaks.digest())), "{record}");
    }
}
