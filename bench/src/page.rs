//! Reports as one HTML file that loads nothing else: tables and drawings, by day and by night, on a phone and a desk.

use crate::figure::{Figure, Ink, STYLE};
use anyhow::{Context, Result};
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};

/// The page's own style, without that of the drawings.
const SHEET: &str = include_str!("page.css");

/// A report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The subject of the measurement.
    pub title: String,
    /// The method, in a sentence or two.
    pub lead: String,
    /// The results.
    pub sections: Vec<Section>,
    /// Explanations of the figures.
    pub notes: Vec<String>,
}

/// Results that belong together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// The section's heading.
    pub heading: String,
    /// The few numbers to look at first, each with its label.
    pub tiles: Vec<(String, String)>,
    /// Drawings.
    pub figures: Vec<Figure>,
    /// All numbers: the first row is the head, the first column names the row.
    pub table: Vec<Vec<String>>,
    /// Checks that failed.
    pub faults: Vec<String>,
    /// Reasons to doubt the numbers.
    pub doubts: Vec<String>,
}

impl Page {
    /// The whole file.
    ///
    /// # Errors
    /// When a drawing has nothing to draw.
    pub fn html(&self) -> Result<String> {
        let mut out = String::new();
        let title = Text(&self.title);
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{SHEET}{STYLE}\n</style>\n\
             <main>\n<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n",
            Text(&self.lead)
        )?;
        for section in &self.sections {
            section.put(&mut out)?;
        }
        put_list(&mut out, "notes", &self.notes)?;
        out.push_str("</main>\n</html>\n");
        Ok(out)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When a drawing has nothing to draw, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.html()?).with_context(|| format!("{} cannot be written", path.display()))
    }
}

impl Section {
    fn put(&self, out: &mut String) -> Result<()> {
        writeln!(out, "<section>\n<h2>{}</h2>", Text(&self.heading))?;
        put_list(out, "faults", &self.faults)?;
        put_list(out, "doubts", &self.doubts)?;
        if !self.tiles.is_empty() {
            writeln!(out, "<dl class=\"tiles\">")?;
            for (value, label) in &self.tiles {
                writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", Text(label), Text(value))?;
            }
            writeln!(out, "</dl>")?;
        }
        if !self.figures.is_empty() {
            writeln!(out, "<div class=\"figures\">")?;
            self.figures.iter().try_for_each(|figure| put_figure(out, figure))?;
            writeln!(out, "</div>")?;
        }
        put_table(out, &self.table)?;
        writeln!(out, "</section>")?;
        Ok(())
    }
}

fn put_figure(out: &mut String, figure: &Figure) -> Result<()> {
    writeln!(out, "<figure>\n<figcaption>{}<span>", Text(&figure.title))?;
    for curve in &figure.curves {
        let ink = match curve.ink {
            Ink::Ours => "ours",
            Ink::Other => "other",
        };
        writeln!(out, "<i class=\"{ink}\"></i>{}", Text(&curve.name))?;
    }
    writeln!(out, "</span></figcaption>\n{}</figure>", figure.svg()?)?;
    Ok(())
}

fn put_table(out: &mut String, rows: &[Vec<String>]) -> fmt::Result {
    let Some((head, rows)) = rows.split_first() else { return Ok(()) };
    writeln!(out, "<div class=\"table\"><table>\n<thead><tr>")?;
    head.iter().try_for_each(|cell| writeln!(out, "<th scope=\"col\">{}</th>", Text(cell)))?;
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for row in rows {
        let Some((name, cells)) = row.split_first() else { continue };
        write!(out, "<tr><th scope=\"row\">{}</th>", Text(name))?;
        cells.iter().try_for_each(|cell| write!(out, "<td>{}</td>", Text(cell)))?;
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div>")
}

fn put_list(out: &mut String, class: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "<ul class=\"{class}\">")?;
    lines.iter().try_for_each(|line| writeln!(out, "<li>{}</li>", Text(line)))?;
    writeln!(out, "</ul>")
}

/// The path of the page: the requested one, or else one beside the JSON file.
#[must_use]
pub fn page_path(report: Option<&Path>, json: Option<&Path>) -> Option<PathBuf> {
    report.map(Path::to_owned).or_else(|| json.map(|json| json.with_extension("html")))
}

/// Text between tags.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '<' => out.write_str("&lt;"),
            '>' => out.write_str("&gt;"),
            '&' => out.write_str("&amp;"),
            other => out.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Curve;

    fn page() -> Page {
        let figure = Figure::new("CPU", vec![Curve::new("ours", Ink::Ours, [(80, 1.0), (400, 2.0)])]);
        let row = |cells: [&str; 2]| cells.map(String::from).to_vec();
        let section = Section {
            heading: "heavy".into(),
            tiles: vec![("1.25".into(), "ratio".into())],
            figures: vec![figure.clone(), figure],
            table: vec![row(["", "CPU"]), row(["ours", "<2 & 3>"])],
            faults: vec!["too few".into()],
            ..Section::default()
        };
        Page { title: "A < B".into(), lead: "how".into(), sections: vec![section], notes: vec!["note".into()] }
    }

    #[test]
    fn the_page_has_every_figure_and_number_and_escapes_markup_in_texts() {
        let html = page().html().unwrap();
        assert_eq!(html.matches("<svg ").count(), 2);
        for words in ["<h1>A &lt; B</h1>", "<td>&lt;2 &amp; 3&gt;</td>", "1.25", "too few", "note", "doctype"] {
            assert!(html.contains(words), "{words} is not in\n{html}");
        }
    }

    #[test]
    fn the_page_loads_nothing() {
        let html = page().html().unwrap().replace("http://www.w3.org/2000/svg", "");
        for reference in ["http:", "https:", "url(", "src=", "<link", "@import", "<script"] {
            assert!(!html.contains(reference), "{reference} is in\n{html}");
        }
    }

    #[test]
    fn a_page_lies_beside_its_json_unless_another_path_is_given() {
        let (html, json) = (Path::new("a/b.html"), Path::new("c/d.json"));
        assert_eq!(page_path(Some(html), Some(json)).as_deref(), Some(html));
        assert_eq!(page_path(None, Some(json)).as_deref(), Some(Path::new("c/d.html")));
        assert_eq!(page_path(None, None), None);
    }
}
