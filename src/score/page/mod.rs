//! A report as one page of HTML that needs nothing else, no network and no other file.
//!
//! The page is filled from `page.html`, with `page.css` and `page.js` in it. Figures are plain
//! tables, which a browser without scripts shows, too; the script sorts them and shows the pictures.
//!
//! Pictures take at most about [`BYTES`]: all are shown if there are no more than [`SHOWN`], else
//! those with the lowest figures.

mod exhibit;

pub use exhibit::Exhibit;

use serde::Serialize;

use super::figure::{Colour, Figure};
use super::report::{Estimate, Report, Row};

/// The most pictures that are shown.
pub const SHOWN: usize = 24;

/// About the most bytes that all pictures take.
pub const BYTES: usize = 32 << 20;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

impl Report {
    /// The rows whose pictures a page shows, by index, the worst of the first result first: the figure
    /// is the first that was measured on what the protocol decides by.
    pub fn shown(&self) -> Vec<usize> {
        let decides = self.protocol().decides;
        let figure = self.figures().iter().copied().find(|figure| figure.colour == decides);
        let mut rows: Vec<usize> = (0..self.rows().len()).collect();
        if let Some(figure) = figure {
            let value = |row: &usize| self.rows()[*row].scores[0][figure];
            rows.sort_by(|a, b| value(a).total_cmp(&value(b)));
        }
        rows.truncate(SHOWN);
        rows
    }

    /// Bytes for each of the shown pictures.
    pub fn budget(&self) -> usize {
        BYTES / self.rows().len().clamp(1, SHOWN)
    }

    /// The page, with these pictures in it.
    pub fn page(&self, exhibits: &[Exhibit]) -> String {
        #[derive(Serialize)]
        struct Data<'a> {
            results: &'a [String],
            exhibits: &'a [Exhibit],
        }
        let data = Data { results: self.results(), exhibits };
        // Strings and finite numbers always serialise. No string may end the script element.
        let data = serde_json::to_string(&data).unwrap_or_default().replace('<', "\\u003c");
        let pictures = self.rows().len();
        let note = match pictures - exhibits.len().min(pictures) {
            0 => String::new(),
            _ => format!("The {} worst of {pictures} pictures are shown.", exhibits.len()),
        };
        fill(PAGE, |name| match name {
            "title" => escape(&self.results().join(" against ")),
            "protocol" => escape(&self.protocol().to_string()),
            "pictures" if pictures == 1 => "1 picture".into(),
            "pictures" => format!("{pictures} pictures"),
            "note" => note.clone(),
            "summary" => self.summary_table(),
            "table" => self.picture_table(),
            "style" => STYLE.into(),
            "script" => SCRIPT.into(),
            "data" => data.clone(),
            _ => String::new(),
        })
    }

    fn summary_table(&self) -> String {
        let names = self.results().iter();
        let mut head = "<th scope=col>mean</th>".to_owned();
        head.extend(names.map(|name| format!("<th scope=col>{}</th>", escape(name))));
        let paired = self.results().len() == 2;
        if paired {
            head += "<th scope=col>A − B</th><th scope=col>wins · ties · losses</th>\
                     <th scope=col title='Wilcoxon signed-rank test, two sided'>p</th>";
        }
        let mut body = String::new();
        for &figure in self.figures() {
            let Some(summary) = self.summary(figure) else { continue };
            let decides = if figure.colour == self.protocol().decides { " class=decides" } else { "" };
            body += &format!("<tr{decides}><th scope=row>{}</th>", figure.title());
            body.extend(summary.results.iter().map(|estimate| cell(figure, *estimate, false)));
            if let Some(paired) = summary.paired {
                body += &cell(figure, paired.difference, true);
                body += &format!(
                    "<td>{} · {} · {}</td><td>{}</td>",
                    paired.wins,
                    paired.ties,
                    paired.losses,
                    escape(&paired.probability())
                );
            }
            body += "</tr>\n";
        }
        format!("<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>")
    }

    fn picture_table(&self) -> String {
        let paired = self.results().len() == 2;
        let suffixes: &[&str] = if paired { &[" A", " B", " A − B"] } else { &[""] };
        let mut head = column("picture");
        for figure in self.figures() {
            head.extend(suffixes.iter().map(|suffix| column(&format!("{}{suffix}", figure.title()))));
        }
        let mut body = String::new();
        for row in self.rows() {
            let Row { name, scores } = row;
            body += &format!("<tr><th scope=row>{}</th>", escape(name));
            for &figure in self.figures() {
                let colour = if figure.colour == Colour::Y { "y" } else { "rgb" };
                let mut add = |value: f64, text: String| {
                    body += &format!("<td class={colour} data-value=\"{value}\">{text}</td>");
                };
                scores.iter().for_each(|score| add(score[figure], figure.number(score[figure])));
                if let Some(difference) = row.difference(figure) {
                    add(difference, figure.signed(difference));
                }
            }
            body += "</tr>\n";
        }
        format!("<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>")
    }
}

/// A heading that sorts.
fn column(title: &str) -> String {
    format!("<th scope=col aria-sort=none><button type=button>{title}</button></th>")
}

fn cell(figure: Figure, Estimate { mean, interval }: Estimate, signed: bool) -> String {
    let number = |value: f64| if signed { figure.signed(value) } else { figure.number(value) };
    // Of an undefined mean there are no ends.
    let interval = interval.filter(|_| !mean.is_nan());
    let interval = interval.map_or(String::new(), |interval| {
        format!(" <small>{} … {}</small>", number(interval.low), number(interval.high))
    });
    format!("<td>{}{interval}</td>", number(mean))
}

/// The template with each `{{name}}` replaced; what is put in is not looked at again.
fn fill(template: &str, mut value: impl FnMut(&str) -> String) -> String {
    let mut parts = template.split("{{");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        page += &value(name);
        page += rest;
    }
    page
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{report, score, two_results};
    use super::*;

    #[test]
    fn every_place_in_the_template_is_filled() {
        let mut names = Vec::new();
        fill(PAGE, |name| {
            names.push(name.to_owned());
            String::new()
        });
        names.sort();
        assert_eq!(
            names,
            ["data", "note", "pictures", "protocol", "script", "style", "summary", "table", "title", "title"]
        );
        assert_eq!(fill("a{{x}}b{{y}}", |name| format!("{{{{{name}}}}}")), "a{{x}}b{{y}}");
    }

    #[test]
    fn names_cannot_become_markup() {
        let hostile = "</script><b a='\"'>&{{data}}";
        let page = report(&[hostile], &[(hostile, &[score(30.0, 0.5)][..])]).page(&[]);
        assert!(!page.contains("<b a") && !page.contains("</script><b"), "{page}");
        assert!(page.contains("&lt;/script&gt;&lt;b a=&#39;&quot;&#39;&gt;&amp;{{data}}"));
        assert_eq!(page.matches("</script>").count(), 2);
    }

    #[test]
    fn figures_stand_in_the_page_itself() {
        let page = two_results().page(&[]);
        for text in [
            "protocol sr2: ",
            "data-value=\"32.5\">32.500<",
            "data-value=\"1.5\">+1.500<",
            "32.000 <small>31.000 … 33.000</small>",
            "+1.000 <small>+0.500 … +1.500</small>",
            "2 · 0 · 0",
        ] {
            assert!(page.contains(text), "no {text} in {page}");
        }
        assert!(!page.contains("://"), "nothing is fetched");
    }

    #[test]
    fn the_worst_are_shown() {
        let scores: Vec<[super::super::Score; 1]> =
            (0..30).map(|i| [score(f64::from(i * 7 % 30), 0.5)]).collect();
        let rows: Vec<(&str, &[super::super::Score])> = scores.iter().map(|row| ("x", &row[..])).collect();
        let shown = report(&["ours"], &rows).shown();
        assert_eq!(shown.len(), SHOWN);
        assert_eq!(shown[..3], [0, 13, 26], "0, 1 and 2 dB");
    }
}
