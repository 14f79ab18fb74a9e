//! What a comparison came to, for people (a table, a page), programs (JSON) and spreadsheets (CSV).

mod csv;
mod json;
mod table;

use std::collections::BTreeMap;

use serde::Serialize;

use super::bootstrap::{self, Interval};
use super::figure::{Figure, Score};
use super::protocol::Protocol;
use super::wilcoxon;

/// A picture's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The picture's name.
    pub name: String,
    /// Its figures in each result.
    pub scores: Vec<Score>,
}

/// What the pictures' values of a figure, or their differences, come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean, infinite where a value is; NaN of differences that are infinite both ways.
    pub mean: f64,
    /// Where the mean is with 95 % confidence; none of a single picture.
    pub interval: Option<Interval>,
}

/// How the first result does against the second, in a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// The difference, first less second.
    #[serde(flatten)]
    pub difference: Estimate,
    /// Pictures of which the first result is better.
    pub wins: usize,
    /// Pictures of which both are as good.
    pub ties: usize,
    /// Pictures of which the second is better.
    pub losses: usize,
    /// The two-sided p-value of Wilcoxon's signed-rank test.
    pub p: f64,
}

impl Paired {
    /// The p-value for people.
    pub fn probability(&self) -> String {
        if self.p < 0.0001 { "<0.0001".into() } else { format!("{:.4}", self.p) }
    }
}

/// What all pictures come to in one figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// For each result.
    pub results: Vec<Estimate>,
    /// Between the two results, if there are two.
    pub paired: Option<Paired>,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    protocol: Protocol,
    figures: Vec<Figure>,
    results: Vec<String>,
    rows: Vec<Row>,
    /// Empty of no picture.
    summaries: BTreeMap<Figure, Summary>,
}

impl Report {
    /// Sums the rows up; `results` are the names of the one or two results that the rows have.
    pub fn new(protocol: Protocol, figures: Vec<Figure>, results: Vec<String>, rows: Vec<Row>) -> Self {
        let mut report = Self { protocol, figures, results, rows, summaries: BTreeMap::new() };
        if !report.rows.is_empty() {
            let summaries = report.figures.iter().map(|&figure| (figure, report.sum_up(figure)));
            report.summaries = summaries.collect();
        }
        report
    }

    /// How the pictures were compared.
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// What was measured, in the order of columns.
    pub fn figures(&self) -> &[Figure] {
        &self.figures
    }

    /// The names of the results.
    pub fn results(&self) -> &[String] {
        &self.results
    }

    /// The pictures, in the order in which they are shown.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What a figure came to; none of no picture, or of a figure that was not measured.
    pub fn summary(&self, figure: Figure) -> Option<&Summary> {
        self.summaries.get(&figure)
    }

    fn sum_up(&self, figure: Figure) -> Summary {
        let values = |result: usize| self.rows.iter().map(move |row| row.scores[result][figure]);
        let results = (0..self.results.len()).map(|result| Estimate::of(&values(result).collect::<Vec<_>>()));
        let paired =
            || Paired::of(&self.rows.iter().filter_map(|row| row.difference(figure)).collect::<Vec<_>>());
        Summary { results: results.collect(), paired: (self.results.len() == 2).then(paired) }
    }

    /// The means of a result; none of no picture.
    pub fn mean(&self, result: usize) -> Option<Score> {
        let mean = |figure| self.summaries[&figure].results[result].mean;
        (!self.summaries.is_empty()).then(|| Score::new(&self.figures, mean))
    }
}

impl Row {
    /// How much better the first of two results is.
    pub fn difference(&self, figure: Figure) -> Option<f64> {
        match &self.scores[..] {
            // Two infinite figures are as good.
            [a, b] => Some(if a[figure] == b[figure] { 0.0 } else { a[figure] - b[figure] }),
            _ => None,
        }
    }
}

impl Estimate {
    fn of(values: &[f64]) -> Self {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Self { mean, interval: bootstrap::interval(values) }
    }
}

impl Paired {
    fn of(differences: &[f64]) -> Self {
        let count = |is: fn(&f64) -> bool| differences.iter().filter(|&difference| is(difference)).count();
        Self {
            difference: Estimate::of(differences),
            wins: count(|difference| *difference > 0.0),
            ties: count(|difference| *difference == 0.0),
            losses: count(|difference| *difference < 0.0),
            p: wilcoxon::p_value(differences),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::figure::{Colour, Metric};
    use super::*;

    pub(in crate::score) fn score(psnr: f64, ssim: f64) -> Score {
        Score::new(&Figure::of(&Metric::USUAL), |figure| match (figure.metric, figure.colour) {
            (Metric::Psnr, Colour::Y) => psnr,
            (Metric::Psnr, Colour::Rgb) => psnr - 1.0,
            _ => ssim,
        })
    }

    pub(in crate::score) fn report(results: &[&str], rows: &[(&str, &[Score])]) -> Report {
        let protocol = Protocol::of("sr2".parse().unwrap());
        let rows = rows.iter().map(|(name, scores)| Row { name: (*name).into(), scores: scores.to_vec() });
        let results = results.iter().map(|name| (*name).to_owned()).collect();
        Report::new(protocol, Figure::of(&Metric::USUAL), results, rows.collect())
    }

    pub(in crate::score) fn one_result() -> Report {
        report(&["ours"], &[("one, two", &[score(33.25, 0.5)][..]), ("same", &[score(f64::INFINITY, 1.0)])])
    }

    pub(in crate::score) fn two_results() -> Report {
        report(
            &["ours", "theirs"],
            &[
                ("a", &[score(33.0, 0.75), score(32.5, 0.5)][..]),
                ("b", &[score(31.0, 0.5), score(29.5, 0.5)]),
            ],
        )
    }

    #[test]
    fn wins_ties_and_losses() {
        let report = two_results();
        let paired = |figure| report.summary(figure).unwrap().paired.unwrap();
        let psnr = paired(Figure::PSNR_Y);
        assert_eq!((psnr.wins, psnr.ties, psnr.losses, psnr.p), (2, 0, 0, 0.5));
        assert_eq!(psnr.difference.mean, 1.0);
        assert_eq!(psnr.difference.interval, Some(Interval { low: 0.5, high: 1.5 }));
        let ssim = paired(Figure::SSIM_Y);
        assert_eq!((ssim.wins, ssim.ties, ssim.losses, ssim.p), (1, 1, 0, 1.0));
    }

    #[test]
    fn infinite_figures_tie() {
        let perfect = score(f64::INFINITY, 1.0);
        let report = report(
            &["ours", "theirs"],
            &[("a", &[perfect.clone(), perfect.clone()][..]), ("b", &[perfect, score(30.0, 0.5)])],
        );
        let paired = report.summary(Figure::PSNR_Y).unwrap().paired.unwrap();
        assert_eq!((paired.wins, paired.ties, paired.difference.mean), (1, 1, f64::INFINITY));
    }
}
