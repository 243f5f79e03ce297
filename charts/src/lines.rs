//! Lines over one axis. Both axes begin at zero.

use std::error::Error;

use plotters::prelude::*;

use crate::Picture;

/// The size of a picture in pixels.
const SIZE: (u32, u32) = (720, 360);
/// The colours of the lines, which people who are colour-blind can tell apart.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];
/// Above so many points a line has no dots.
const MOST_DOTS: usize = 40;

/// A line chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// What the horizontal axis counts.
    pub x: String,
    /// What the vertical axis counts.
    pub y: String,
    /// The lines, at most four.
    pub lines: Vec<Line>,
}

/// A line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it shows; empty for the only line of a chart.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

impl Picture for Chart {
    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn Error>> {
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (x, y) = (self.end(|point| point.0), self.end(|point| point.1));
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            // The last number of the axis is wider than its place.
            .margin_right(32)
            .caption(&self.title, ("sans-serif", 18))
            .x_label_area_size(44)
            .y_label_area_size(80)
            .build_cartesian_2d(0.0..x, 0.0..y * 1.05)?;
        chart
            .configure_mesh()
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_label_formatter(&|value| grouped(*value))
            .y_label_formatter(&|value| grouped(*value))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS) {
            let drawn = chart.draw_series(LineSeries::new(
                line.points.iter().copied(),
                colour.stroke_width(2),
            ))?;
            if !line.name.is_empty() {
                drawn.label(&line.name).legend(move |(x, y)| {
                    PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2))
                });
            }
            if line.points.len() <= MOST_DOTS {
                let dots = line.points.iter().map(|at| Circle::new(*at, 3, colour.filled()));
                chart.draw_series(dots)?;
            }
        }
        if self.lines.iter().any(|line| !line.name.is_empty()) {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .background_style(WHITE.mix(0.8))
                .border_style(BLACK.mix(0.3))
                .draw()?;
        }
        root.present()?;
        Ok(())
    }
}

impl Chart {
    fn end(&self, of: fn(&(f64, f64)) -> f64) -> f64 {
        let points = self.lines.iter().flat_map(|line| &line.points);
        points.map(of).fold(0.0, f64::max).max(1.0)
    }
}

/// A number with its thousands apart.
fn grouped(value: f64) -> String {
    if value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_svg_with_its_title_its_axes_and_its_lines() {
        let line =
            |name: &str| Line { name: name.to_owned(), points: vec![(0.0, 1.0), (2.0, 3.0)] };
        let chart = Chart {
            title: "Calls & time".to_owned(),
            x: "size".to_owned(),
            y: "calls".to_owned(),
            lines: vec![line("first"), line("second")],
        };
        let svg = chart.svg().unwrap_or_default();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        for text in ["Calls &amp; time", "size", "calls", "first", "second"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(svg.matches("<polyline").count() >= 2, "{svg}");
    }

    #[test]
    fn a_number_has_its_thousands_apart() {
        let texts = [0.0, 12.5, 999.0, 1_000.0, 100_000.0, 1_234_567.0].map(grouped);
        assert_eq!(texts, ["0", "12.5", "999", "1,000", "100,000", "1,234,567"]);
    }
}
