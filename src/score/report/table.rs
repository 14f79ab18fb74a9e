//! Figures for people.

use std::io::{Result, Write};

use super::{Estimate, Paired, Report};
use crate::error::visible;
use crate::score::figure::Figure;

impl Report {
    /// Aligned columns, dB with three digits, SSIM with four; nothing of nothing.
    ///
    /// Of one result: the pictures' figures, the ends of the mean's interval, and the mean in the last
    /// row. Of two: the pictures' differences, then what each figure comes to.
    pub fn table(&self, mut out: impl Write) -> Result<()> {
        match (&self.results[..], self.rows.is_empty()) {
            (_, true) => Ok(()),
            ([a, b], _) => {
                write!(out, "A: {}\nB: {}\n\n", visible(a), visible(b))?;
                align(&self.differences(), &mut out)?;
                writeln!(out)?;
                align(&self.comparison(), out)
            }
            _ => align(&self.one_result(), out),
        }
    }

    fn one_result(&self) -> Vec<Vec<String>> {
        let line = |name: &str, value: &dyn Fn(Figure) -> f64| {
            let figures = self.figures.iter().map(|&figure| figure.number(value(figure)));
            [name.to_owned()].into_iter().chain(figures).collect()
        };
        let mut lines = vec![self.header("")];
        lines.extend(self.rows.iter().map(|row| line(&visible(&row.name), &|figure| row.scores[0][figure])));
        let estimate = |figure| self.summaries[&figure].results[0];
        if self.rows.len() > 1 {
            let end = |which: fn(Estimate) -> f64| move |figure| which(estimate(figure));
            lines.push(line("95 % from", &end(|estimate| ends(estimate).0)));
            lines.push(line("95 % to", &end(|estimate| ends(estimate).1)));
        }
        lines.push(line("mean", &|figure| estimate(figure).mean));
        lines
    }

    fn differences(&self) -> Vec<Vec<String>> {
        let mut lines = vec![self.header("A − B")];
        lines.extend(self.rows.iter().map(|row| {
            let difference = |&figure: &Figure| row.difference(figure).map(|by| figure.signed(by));
            [visible(&row.name)].into_iter().chain(self.figures.iter().filter_map(difference)).collect()
        }));
        lines
    }

    fn comparison(&self) -> Vec<Vec<String>> {
        let header = ["mean", "A", "B", "A − B", "95 % from", "95 % to", "wins", "ties", "losses", "p"];
        let mut lines = vec![header.map(String::from).to_vec()];
        for &figure in &self.figures {
            let summary = &self.summaries[&figure];
            let Some(paired) = summary.paired else { continue };
            let Paired { difference, wins, ties, losses, .. } = paired;
            let means = summary.results.iter().map(|estimate| figure.number(estimate.mean));
            let (low, high) = ends(difference);
            let mut line = vec![figure.title()];
            line.extend(means);
            line.extend([difference.mean, low, high].map(|by| figure.signed(by)));
            line.extend([wins, ties, losses].map(|count| count.to_string()));
            line.push(paired.probability());
            lines.push(line);
        }
        lines
    }

    fn header(&self, corner: &str) -> Vec<String> {
        [corner.to_owned()].into_iter().chain(self.figures.iter().map(|figure| figure.title())).collect()
    }
}

/// The ends of the interval; NaN where there is none.
fn ends(estimate: Estimate) -> (f64, f64) {
    estimate.interval.map_or((f64::NAN, f64::NAN), |interval| (interval.low, interval.high))
}

/// The first column to the left, the others to the right.
fn align(lines: &[Vec<String>], mut out: impl Write) -> Result<()> {
    let count = |cell: &String| cell.chars().count();
    let widths: Vec<usize> = (0..lines.first().map_or(0, Vec::len))
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(count).max().unwrap_or(0))
        .collect();
    for line in lines {
        for (at, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            if at == 0 { write!(out, "{cell:width$}")? } else { write!(out, "  {cell:>width$}")? }
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{one_result, report, score, two_results};

    fn table(report: &super::Report) -> String {
        let mut bytes = Vec::new();
        report.table(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn of_one_result() {
        assert_eq!(
            table(&one_result()),
            "           PSNR-Y dB  SSIM-Y  PSNR-RGB dB  SSIM-RGB\n\
             one, two      33.250  0.5000       32.250    0.5000\n\
             same             inf  1.0000          inf    1.0000\n\
             95 % from     33.250  0.5000       32.250    0.5000\n\
             95 % to          inf  1.0000          inf    1.0000\n\
             mean             inf  0.7500          inf    0.7500\n"
        );
        let single = report(&["ours"], &[("é", &[score(30.0, 0.5)][..])]);
        assert_eq!(table(&single).lines().count(), 3, "no interval of one picture");
        assert_eq!(table(&report(&["ours"], &[])), "");
    }

    #[test]
    fn of_two_results() {
        assert_eq!(
            table(&two_results()),
            "A: ours\nB: theirs\n\n\
             A − B  PSNR-Y dB   SSIM-Y  PSNR-RGB dB  SSIM-RGB\n\
             a         +0.500  +0.2500       +0.500   +0.2500\n\
             b         +1.500  +0.0000       +1.500   +0.0000\n\n\
             mean              A       B    A − B  95 % from  95 % to  wins  ties  losses       p\n\
             PSNR-Y dB    32.000  31.000   +1.000     +0.500   +1.500     2     0       0  0.5000\n\
             SSIM-Y       0.6250  0.5000  +0.1250    +0.0000  +0.2500     1     1       0  1.0000\n\
             PSNR-RGB dB  31.000  30.000   +1.000     +0.500   +1.500     2     0       0  0.5000\n\
             SSIM-RGB     0.6250  0.5000  +0.1250    +0.0000  +0.2500     1     1       0  1.0000\n"
        );
    }
}
