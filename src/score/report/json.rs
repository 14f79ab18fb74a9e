//! Figures for programs.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use serde::Serialize;

use super::{Paired, Report};
use crate::score::bootstrap::Interval;
use crate::score::figure::{Figure, Score};
use crate::score::protocol::Protocol;

type Intervals = BTreeMap<Figure, Interval>;

#[derive(Serialize)]
struct OneResult<'a> {
    images: Vec<Image<'a>>,
    mean: Option<Score>,
    interval: Option<Intervals>,
    shave: usize,
    protocol: &'a Protocol,
}

#[derive(Serialize)]
struct Image<'a> {
    name: &'a str,
    #[serde(flatten)]
    score: &'a Score,
}

#[derive(Serialize)]
struct TwoResults<'a> {
    results: &'a [String],
    images: Vec<ImagePair<'a>>,
    mean: Vec<Option<Score>>,
    interval: Vec<Option<Intervals>>,
    difference: BTreeMap<Figure, Paired>,
    shave: usize,
    protocol: &'a Protocol,
}

#[derive(Serialize)]
struct ImagePair<'a> {
    name: &'a str,
    scores: &'a [Score],
    difference: Score,
}

impl Report {
    /// One object; infinite figures are `null`, as are the mean of nothing and the interval of less
    /// than two pictures. Of two results, what there is one of each of stands in an array of two.
    pub fn json(&self, mut out: impl Write) -> Result<()> {
        let Self { protocol, rows, .. } = self;
        let shave = protocol.shave;
        if let [_, _] = self.results[..] {
            let images = rows.iter().map(|row| ImagePair {
                name: &row.name,
                scores: &row.scores,
                difference: Score::new(&self.figures, |figure| row.difference(figure).unwrap_or(f64::NAN)),
            });
            let paired = self.summaries.iter();
            let both = TwoResults {
                results: &self.results,
                images: images.collect(),
                mean: vec![self.mean(0), self.mean(1)],
                interval: vec![self.intervals(0), self.intervals(1)],
                difference: paired.filter_map(|(&figure, summary)| Some((figure, summary.paired?))).collect(),
                shave,
                protocol,
            };
            serde_json::to_writer(&mut out, &both)?;
        } else {
            let images = rows.iter().map(|row| Image { name: &row.name, score: &row.scores[0] });
            let one = OneResult {
                images: images.collect(),
                mean: self.mean(0),
                interval: self.intervals(0),
                shave,
                protocol,
            };
            serde_json::to_writer(&mut out, &one)?;
        }
        writeln!(out)
    }

    fn intervals(&self, result: usize) -> Option<Intervals> {
        let found = self.summaries.iter();
        let found: Intervals =
            found.filter_map(|(&f, summary)| Some((f, summary.results[result].interval?))).collect();
        (!found.is_empty()).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{one_result, report, two_results};

    fn value(report: &super::Report) -> Value {
        let mut bytes = Vec::new();
        report.json(&mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(b'\n'));
        serde_json::from_slice(&bytes).unwrap()
    }

    fn protocol() -> Value {
        json!({"name": "sr2", "multiple": 2, "shave": 2, "round": true, "decides": "y"})
    }

    #[test]
    fn of_one_result() {
        let psnr = json!({"low": 33.25, "high": null});
        let ssim = json!({"low": 0.5, "high": 1.0});
        assert_eq!(
            value(&one_result()),
            json!({
                "images": [
                    {"name": "one, two", "psnr_y": 33.25, "ssim_y": 0.5, "psnr_rgb": 32.25, "ssim_rgb": 0.5},
                    {"name": "same", "psnr_y": null, "ssim_y": 1.0, "psnr_rgb": null, "ssim_rgb": 1.0},
                ],
                "mean": {"psnr_y": null, "ssim_y": 0.75, "psnr_rgb": null, "ssim_rgb": 0.75},
                "interval": {"psnr_y": psnr, "ssim_y": ssim, "psnr_rgb": {"low": 32.25, "high": null}, "ssim_rgb": ssim},
                "shave": 2,
                "protocol": protocol(),
            })
        );
        assert_eq!(
            value(&report(&["ours"], &[])),
            json!({"images": [], "mean": null, "interval": null, "shave": 2, "protocol": protocol()})
        );
    }

    #[test]
    fn of_two_results() {
        let value = value(&two_results());
        assert_eq!(value["results"], json!(["ours", "theirs"]));
        assert_eq!(value["images"][1]["name"], "b");
        assert_eq!(value["images"][1]["scores"][1]["psnr_y"], 29.5);
        assert_eq!(value["images"][1]["difference"]["psnr_rgb"], 1.5);
        assert_eq!(value["mean"][1]["psnr_y"], 31.0);
        assert_eq!(value["interval"][0]["psnr_y"], json!({"low": 31.0, "high": 33.0}));
        assert_eq!(
            value["difference"]["ssim_y"],
            json!({"mean": 0.125, "interval": {"low": 0.0, "high": 0.25}, "wins": 1, "ties": 1, "losses": 0, "p": 1.0})
        );
        assert_eq!((&value["shave"], &value["protocol"]), (&json!(2), &protocol()));
    }
}
