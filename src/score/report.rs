//! Figures for people (a table), programs (JSON) and spreadsheets (CSV).

use std::io::{Result, Write};

use serde::Serialize;

use super::Score;

/// A picture's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The picture's name.
    pub name: String,
    /// Its figures.
    #[serde(flatten)]
    pub score: Score,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The figures, in the order in which they are shown.
    pub rows: Vec<Row>,
    /// Pixels that were not counted on each side.
    pub shave: usize,
}

impl Report {
    /// The mean of the pictures' values, infinite where one is; none of no picture.
    pub fn mean(&self) -> Option<Score> {
        Score::mean(&self.rows.iter().map(|row| row.score).collect::<Vec<_>>())
    }

    /// Aligned columns, dB with three digits, SSIM with four, the mean in the last row; nothing of nothing.
    pub fn table(&self, mut out: impl Write) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mean = self.mean().map(|score| Row { name: "mean".into(), score });
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(4);
        writeln!(out, "{:width$}  PSNR-Y dB  SSIM-Y  PSNR-RGB dB  SSIM-RGB", "")?;
        for Row { name, score } in self.rows.iter().chain(&mean) {
            let Score { psnr_y, ssim_y, psnr_rgb, ssim_rgb } = score;
            writeln!(out, "{name:width$}  {psnr_y:>9.3}  {ssim_y:>6.4}  {psnr_rgb:>11.3}  {ssim_rgb:>8.4}")?;
        }
        Ok(())
    }

    /// One object; infinite figures are `null`, as is the mean of nothing.
    pub fn json(&self, mut out: impl Write) -> Result<()> {
        #[derive(Serialize)]
        struct Json<'a> {
            images: &'a [Row],
            mean: Option<Score>,
            shave: usize,
        }
        serde_json::to_writer(&mut out, &Json { images: &self.rows, mean: self.mean(), shave: self.shave })?;
        writeln!(out)
    }

    /// One line a picture under a line of names; infinite figures are `inf`. No mean: whoever reads
    /// a column takes its own.
    pub fn csv(&self, out: impl Write) -> Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        let write = |record: &[String], writer: &mut csv::Writer<_>| {
            writer.write_record(record).map_err(std::io::Error::from)
        };
        write(&["name", "psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"].map(String::from), &mut writer)?;
        for Row { name, score } in &self.rows {
            let figures = [score.psnr_y, score.ssim_y, score.psnr_rgb, score.ssim_rgb].map(|x| x.to_string());
            let [psnr_y, ssim_y, psnr_rgb, ssim_rgb] = figures;
            write(&[name.clone(), psnr_y, ssim_y, psnr_rgb, ssim_rgb], &mut writer)?;
        }
        writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let row = |name: &str, psnr: f64, ssim| Row {
            name: name.into(),
            score: Score { psnr_y: psnr, ssim_y: ssim, psnr_rgb: psnr - 1.0, ssim_rgb: ssim },
        };
        Report { rows: vec![row("one, two", 33.25, 0.5), row("same", f64::INFINITY, 1.0)], shave: 2 }
    }

    fn text(write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn as_a_table() {
        assert_eq!(
            text(|out| report().table(out)),
            "          PSNR-Y dB  SSIM-Y  PSNR-RGB dB  SSIM-RGB\n\
             one, two     33.250  0.5000       32.250    0.5000\n\
             same            inf  1.0000          inf    1.0000\n\
             mean            inf  0.7500          inf    0.7500\n"
        );
    }

    #[test]
    fn as_json() {
        assert_eq!(
            text(|out| report().json(out)),
            r#"{"images":[{"name":"one, two","psnr_y":33.25,"ssim_y":0.5,"psnr_rgb":32.25,"ssim_rgb":0.5},"#
                .to_owned()
                + r#"{"name":"same","psnr_y":null,"ssim_y":1.0,"psnr_rgb":null,"ssim_rgb":1.0}],"#
                + r#""mean":{"psnr_y":null,"ssim_y":0.75,"psnr_rgb":null,"ssim_rgb":0.75},"shave":2}"#
                + "\n"
        );
        assert_eq!(
            text(|out| Report { rows: vec![], shave: 0 }.json(out)),
            "{\"images\":[],\"mean\":null,\"shave\":0}\n"
        );
    }

    #[test]
    fn as_csv() {
        assert_eq!(
            text(|out| report().csv(out)),
            "name,psnr_y,ssim_y,psnr_rgb,ssim_rgb\n\"one, two\",33.25,0.5,32.25,0.5\nsame,inf,1,inf,1\n"
        );
    }
}
