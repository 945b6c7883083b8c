//! Curves over a number of clients, drawn as SVG that takes its colours from the page around it.
//!
//! A drawing names its [`Ink`]s by fixed colours. These are readable on a white background as they are, and [`STYLE`]
//! replaces them by the page's own colours, which differ by day and by night.

use anyhow::{Context, Result, bail};
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use plotters::style::TextStyle;
use std::ops::Range;

/// Width and height in pixels of a narrow phone: on larger screens several drawings are beside each other.
const SIZE: (u32, u32) = (420, 280);

/// Pixels of a character of a label.
const LABEL_SIZE: u32 = 16;

/// A number below the drawing is left out when its ratio to the number before is not above this.
const LABEL_GAP: f64 = 1.4;

const MUTED: RGBColor = RGBColor(0x6b, 0x72, 0x80);
const GRID: RGBColor = RGBColor(0xe5, 0xe7, 0xeb);

/// The style sheet that gives drawings the colours of the page: each by the variable of its name.
pub const STYLE: &str = "\
    [stroke='#2563EB']{stroke:var(--ours)}[fill='#2563EB']{fill:var(--ours)}\
    [stroke='#EA580C']{stroke:var(--other)}[fill='#EA580C']{fill:var(--other)}\
    [stroke='#6B7280']{stroke:var(--muted)}[fill='#6B7280']{fill:var(--muted)}\
    [stroke='#E5E7EB']{stroke:var(--grid)}";

/// The side that a curve belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Our server.
    Ours,
    /// The side that is compared with ours.
    Other,
}

impl Ink {
    const fn color(self) -> RGBColor {
        match self {
            Self::Ours => RGBColor(0x25, 0x63, 0xeb),
            Self::Other => RGBColor(0xea, 0x58, 0x0c),
        }
    }
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The curve's name in the legend.
    pub name: String,
    /// The side that the curve belongs to.
    pub ink: Ink,
    /// Values by number of clients, in any order.
    pub points: Vec<(u32, f64)>,
}

impl Curve {
    /// A curve of some points.
    pub fn new(name: &str, ink: Ink, points: impl IntoIterator<Item = (u32, f64)>) -> Self {
        Self { name: name.into(), ink, points: points.into_iter().collect() }
    }
}

/// A drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Title of the drawing, with its unit.
    pub title: String,
    /// All curves; a figure without points cannot be drawn.
    pub curves: Vec<Curve>,
    /// A promised or meant value, and its words.
    pub mark: Option<(f64, String)>,
    /// `None` for a scale that begins at zero; else the smallest span of the scale, around the values.
    pub span_min: Option<f64>,
    /// The scale of the numbers of clients.
    pub across: Across,
}

/// The scale of the numbers of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// Equal ratios have equal distances: from one number to twice that number is equally far everywhere.
    Ratios,
    /// Numbers are evenly spread: a value that grows with each client is a straight line.
    Even,
}

impl Across {
    fn place(self, clients: f64) -> f64 {
        match self {
            Self::Ratios => clients.max(1.0).ln(),
            Self::Even => clients,
        }
    }

    fn ends(self, least: f64, most: f64) -> Range<f64> {
        match self {
            Self::Ratios => least * 0.8..most * 1.25,
            Self::Even => 0.0..most * 1.08,
        }
    }
}

/// The numbers of clients below a drawing.
struct Axis {
    scale: Across,
    ends: Range<f64>,
    labels: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, clients: &f64, limit: (i32, i32)) -> i32 {
        let [left, right, here] = [self.ends.start, self.ends.end, *clients].map(|clients| self.scale.place(clients));
        let part = (here - left) / (right - left);
        limit.0 + (part * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.labels.clone()
    }

    fn range(&self) -> Range<f64> {
        self.ends.clone()
    }
}

impl Figure {
    /// A figure from zero up, without a mark.
    pub fn new(title: impl Into<String>, curves: Vec<Curve>) -> Self {
        Self { title: title.into(), curves, mark: None, span_min: None, across: Across::Ratios }
    }

    /// The same figure with a line at `value`.
    #[must_use]
    pub fn marked(self, value: f64, words: &str) -> Self {
        Self { mark: Some((value, words.into())), ..self }
    }

    /// The same figure with a scale around the values, so that small differences show; the scale spans at least
    /// `span_min`.
    #[must_use]
    pub fn close_up(self, span_min: f64) -> Self {
        Self { span_min: Some(span_min), ..self }
    }

    /// The same figure with numbers of clients evenly spread.
    #[must_use]
    pub fn evenly(self) -> Self {
        Self { across: Across::Even, ..self }
    }

    /// Draws the figure.
    ///
    /// # Errors
    /// When the figure has no points.
    pub fn svg(&self) -> Result<String> {
        let clients = || self.points().map(|(clients, _)| clients);
        let (least, most) = (clients().min(), clients().max());
        let (Some(least), Some(most)) = (least, most) else { bail!("{}: there is nothing to draw", self.title) };
        let mut out = String::new();
        self.draw(&mut out, f64::from(least), f64::from(most))
            .with_context(|| format!("{} cannot be drawn", self.title))?;
        Ok(out)
    }

    fn points(&self) -> impl Iterator<Item = (u32, f64)> {
        self.curves.iter().flat_map(|curve| curve.points.iter().copied()).filter(|(_, value)| value.is_finite())
    }

    fn draw(&self, out: &mut String, least: f64, most: f64) -> Result<()> {
        let area = SVGBackend::with_string(out, SIZE).into_drawing_area();
        let up = self.up();
        let decimals = if up.end - up.start < 5.0 { 2 } else { 0 };
        let ends = self.across.ends(least, most);
        let across = Axis { scale: self.across, ends: ends.clone(), labels: self.labels() };
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .margin_right(20)
            .x_label_area_size(30)
            .y_label_area_size(56)
            .build_cartesian_2d(across, up)?;
        let label = TextStyle::from(("sans-serif", LABEL_SIZE)).color(&MUTED);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .y_labels(5)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(MUTED)
            .label_style(label.clone())
            .x_label_formatter(&|clients| format!("{clients:.0}"))
            .y_label_formatter(&|value| format!("{value:.decimals$}"))
            .draw()?;
        if let Some((value, words)) = &self.mark {
            let ends = [(ends.start, *value), (ends.end, *value)];
            chart.draw_series(DashedLineSeries::new(ends, 4, 4, MUTED.stroke_width(1)))?;
            chart.draw_series([EmptyElement::at(ends[0]) + Text::new(words.clone(), (6, -18), label)])?;
        }
        for curve in &self.curves {
            let mut points: Vec<(f64, f64)> =
                curve.points.iter().map(|(clients, value)| (f64::from(*clients), *value)).collect();
            points.retain(|(_, value)| value.is_finite());
            points.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
            let color = curve.ink.color();
            chart.draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?;
            chart.draw_series(points.into_iter().map(|point| Circle::new(point, 4, color.filled())))?;
        }
        area.present()?;
        Ok(())
    }

    /// The numbers of clients that are written below, as many as there is place for.
    fn labels(&self) -> Vec<f64> {
        let mut clients: Vec<u32> = self.points().map(|(clients, _)| clients).collect();
        clients.sort_unstable();
        let mut labels: Vec<f64> = Vec::new();
        for clients in clients.into_iter().map(f64::from) {
            if labels.last().is_none_or(|last| clients > last * LABEL_GAP) {
                labels.push(clients);
            }
        }
        labels
    }

    /// The scale of the values.
    fn up(&self) -> Range<f64> {
        let values = || self.points().map(|(_, value)| value).chain(self.mark.iter().map(|(value, _)| *value));
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        let Some(span_min) = self.span_min else { return 0.0..if most > 0.0 { most * 1.15 } else { 1.0 } };
        let air = (0.15 * (most - least)).max((span_min - (most - least)) / 2.0);
        least - air..most + air
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> Figure {
        let curve = |name, ink, factor: f64| Curve::new(name, ink, [(2_000, factor), (80, 2.0 * factor)]);
        Figure::new("CPU, µs", vec![curve("ours", Ink::Ours, 10.0), curve("theirs", Ink::Other, 30.0)])
    }

    #[test]
    fn every_curve_has_its_line_its_points_and_the_numbers_of_clients_below() {
        let svg = figure().marked(25.0, "bound <25>").svg().unwrap();
        for ink in ["#2563EB", "#EA580C"] {
            assert!(svg.contains(&format!("stroke=\"{ink}\"")), "no line of {ink}");
            assert!(svg.matches(&format!("fill=\"{ink}\"")).count() >= 2, "no points of {ink}");
            assert!(STYLE.contains(&format!("[stroke='{ink}']")), "the page's style lacks {ink}");
        }
        for words in [">\n80\n<", ">\n2000\n<", "bound &lt;25&gt;"] {
            assert!(svg.contains(words), "{words:?} is not in\n{svg}");
        }
    }

    #[test]
    fn the_pages_style_replaces_every_colour_of_a_drawing() {
        let svg = figure().marked(25.0, "bound").close_up(1.0).svg().unwrap();
        let used = svg.split('"').filter(|value| value.starts_with('#'));
        used.for_each(|color| assert!(STYLE.contains(color), "{color} stays the same by night"));
    }

    #[test]
    fn equal_ratios_or_equal_numbers_are_equally_far() {
        let place =
            |scale: Across, clients| Axis { scale, ends: 100.0..1_600.0, labels: Vec::new() }.map(&clients, (0, 300));
        assert_eq!([100.0, 200.0, 400.0, 1_600.0].map(|clients| place(Across::Ratios, clients)), [0, 75, 150, 300]);
        assert_eq!([100.0, 600.0, 1_600.0].map(|clients| place(Across::Even, clients)), [0, 100, 300]);
    }

    #[test]
    fn a_figure_of_one_point_is_drawn_and_an_empty_one_is_an_error() {
        let one = Figure::new("rate", vec![Curve::new("ours", Ink::Ours, [(400, 30.0)])]);
        assert!(one.clone().close_up(1.0).svg().is_ok() && one.clone().evenly().svg().is_ok() && one.svg().is_ok());
        let nothing = Figure::new("rate", vec![Curve::new("ours", Ink::Ours, [(400, f64::NAN)])]);
        assert!(nothing.svg().is_err());
    }
}
