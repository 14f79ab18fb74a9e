//! Figures for spreadsheets.

use std::io::{Result, Write};

use super::{Report, Row};

impl Report {
    /// One line a picture under a line of names; infinite figures are `inf`. No mean: whoever reads
    /// a column takes its own.
    ///
    /// Of two results, each figure has three columns: `psnr_y_a`, `psnr_y_b`, `psnr_y_difference`.
    pub fn csv(&self, out: impl Write) -> Result<()> {
        let mut writer = ::csv::Writer::from_writer(out);
        let endings: &[&str] = if self.results.len() == 2 { &["_a", "_b", "_difference"] } else { &[""] };
        let keys = self.figures.iter().map(|figure| figure.key());
        let names = keys.flat_map(|key| endings.iter().map(move |ending| format!("{key}{ending}")));
        writer.write_record(["name".to_owned()].into_iter().chain(names))?;
        for row in &self.rows {
            let Row { name, scores } = row;
            let numbers = self.figures.iter().flat_map(|&figure| {
                scores.iter().map(move |score| score[figure]).chain(row.difference(figure))
            });
            writer
                .write_record([name.clone()].into_iter().chain(numbers.map(|number| number.to_string())))?;
        }
        writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{one_result, two_results};

    fn csv(report: &super::Report) -> String {
        let mut bytes = Vec::new();
        report.csv(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn of_one_result() {
        assert_eq!(
            csv(&one_result()),
            "name,psnr_y,ssim_y,psnr_rgb,ssim_rgb\n\"one, two\",33.25,0.5,32.25,0.5\nsame,inf,1,inf,1\n"
        );
    }

    #[test]
    fn of_two_results() {
        let csv = csv(&two_results());
        assert!(csv.starts_with("name,psnr_y_a,psnr_y_b,psnr_y_difference,ssim_y_a,"), "{csv}");
        assert!(csv.contains("\na,33,32.5,0.5,0.75,0.5,0.25,"), "{csv}");
    }
}
