//! The results as curves: corrections, input lead and view delay, one colour per profile.

use super::Feel;
use crate::feel::render;
use anyhow::Result;
use plotters::prelude::*;
use plotters::style::TextStyle;

/// Width and height of the drawing, in pixels: three panels beside each other.
const SIZE: (u32, u32) = (1_260, 400);

const COLORS: [RGBColor; 6] = [
    RGBColor(0x16, 0xa3, 0x4a),
    RGBColor(0x25, 0x63, 0xeb),
    RGBColor(0xea, 0x58, 0x0c),
    RGBColor(0x93, 0x33, 0xea),
    RGBColor(0x6b, 0x72, 0x80),
    RGBColor(0xdb, 0x27, 0x77),
];

/// One panel: title, names of the axes, and a curve per profile.
struct Panel<'a> {
    title: &'a str,
    axes: [&'a str; 2],
    curves: Vec<(&'a str, Vec<(f64, f64)>)>,
}

/// Draws the results of the first scene.
///
/// # Errors
/// When a drawing cannot be made.
pub fn svg(feels: &[Feel]) -> Result<String> {
    let scene = feels.first().map_or("", |feel| feel.scene);
    let title = format!("Raw correction of own rows, scene {scene}");
    let curves = |points: fn(&Feel) -> Vec<(f64, f64)>| -> Vec<(&str, Vec<(f64, f64)>)> {
        let drawn = feels.iter().filter(|feel| feel.scene == scene);
        drawn.map(|feel| (feel.profile.as_str(), points(feel))).collect()
    };
    let panels = [
        Panel {
            title: &title,
            axes: ["percent of snapshots", "units"],
            curves: curves(|feel| feel.correction_curve.iter().map(|(part, units)| (100.0 * part, *units)).collect()),
        },
        Panel {
            title: "How early inputs arrive",
            axes: ["seconds", "ticks"],
            curves: curves(|feel| feel.trace.iter().map(|(at, lead, _)| (*at, *lead)).collect()),
        },
        Panel {
            title: "How far in the past others are shown",
            axes: ["seconds", "ms"],
            curves: curves(|feel| feel.trace.iter().map(|(at, _, delay)| (*at, *delay)).collect()),
        },
    ];
    let mut out = String::new();
    {
        let area = SVGBackend::with_string(&mut out, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        for (number, (panel, area)) in panels.iter().zip(area.split_evenly((1, panels.len()))).enumerate() {
            // One legend serves all panels; it is in the first one, where there is room for it.
            panel.draw(&area, number == 0)?;
        }
        area.present()?;
    }
    Ok(out)
}

impl Panel<'_> {
    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>, has_legend: bool) -> Result<()> {
        let points = || self.curves.iter().flat_map(|(_, points)| points.iter().copied());
        let left = points().map(|(x, _)| x).fold(f64::INFINITY, f64::min).min(1e9).floor();
        let right = points().map(|(x, _)| x).fold(left + 1.0, f64::max);
        let low = points().map(|(_, y)| y).fold(0.0, f64::min);
        let high = points().map(|(_, y)| y).fold(1.0, f64::max) * 1.1;
        let label = TextStyle::from(("sans-serif", 13));
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 16))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(44)
            .build_cartesian_2d(left..right, low..high)?;
        chart
            .configure_mesh()
            .x_desc(self.axes[0])
            .y_desc(self.axes[1])
            .x_label_formatter(&|x| trimmed(*x))
            .y_label_formatter(&|y| trimmed(*y))
            .x_labels(6)
            .label_style(label)
            .light_line_style(TRANSPARENT)
            .draw()?;
        for ((name, points), color) in self.curves.iter().zip(COLORS) {
            chart
                .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2)));
        }
        if has_legend {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .label_font(("sans-serif", 13))
                .background_style(WHITE)
                .draw()?;
        }
        Ok(())
    }
}

/// A number with at most one decimal.
fn trimmed(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    format!("{rounded}")
}

/// A page with the table and the drawing.
///
/// # Errors
/// When the drawing cannot be made.
pub fn html(feels: &[Feel]) -> Result<String> {
    let (drawing, table) = (svg(feels)?, render(feels));
    Ok(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Tickwire: feel</title>\n<h1>How it feels</h1>\n\
         {drawing}\n<pre>{table}</pre>\n"
    ))
}
