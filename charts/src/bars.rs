//! Horizontal bars on a logarithmic scale.

use std::error::Error;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Picture;

/// The width of a picture, the height of one bar with its space, and that of all else, in pixels.
const WIDTH: u32 = 760;
const ROW: u32 = 20;
const REST: u32 = 80;
/// How much of its row a bar leaves free on each side.
const GAP: f64 = 0.15;
/// The space for the names, and right of the longest bar for its number.
const NAMES: u32 = 140;
const NUMBER: u32 = 60;

/// A chart of bars, one below the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// What it shows.
    pub title: String,
    /// The unit of the values.
    pub unit: String,
    /// The bars, the topmost first.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// Its length, above 0.
    pub value: f64,
    /// Its colour: red, green and blue.
    pub colour: (u8, u8, u8),
}

impl Picture for Bars {
    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn Error>> {
        let rows = u32::try_from(self.bars.len())?;
        let size = (WIDTH, ROW * rows + REST);
        let root = SVGBackend::with_string(svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        let (first, last) = self.powers_of_ten();
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .margin_right(NUMBER)
            .caption(&self.title, ("sans-serif", 18))
            .x_label_area_size(28)
            .y_label_area_size(NAMES)
            .build_cartesian_2d((first..last).log_scale(), 0.0..f64::from(rows.max(1)))?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|value| format!("{value} {}", self.unit))
            .draw()?;
        let beside =
            |at| ("sans-serif", 12).into_font().color(&BLACK).pos(Pos::new(at, VPos::Center));
        let mut bottom = f64::from(rows);
        for bar in &self.bars {
            bottom -= 1.0;
            let colour = RGBColor(bar.colour.0, bar.colour.1, bar.colour.2);
            let corners = [(first, bottom + GAP), (bar.value, bottom + 1.0 - GAP)];
            chart.draw_series([Rectangle::new(corners, colour.filled())])?;
            let digits = if bar.value < 100.0 { 1 } else { 0 };
            let (name, number) = (format!("{} ", bar.name), format!(" {:.digits$}", bar.value));
            let middle = bottom + 0.5;
            let texts = [
                Text::new(name, (first, middle), beside(HPos::Right)),
                Text::new(number, (bar.value, middle), beside(HPos::Left)),
            ];
            chart.draw_series(texts)?;
        }
        root.present()?;
        Ok(())
    }
}

impl Bars {
    /// The powers of ten around all values.
    fn powers_of_ten(&self) -> (f64, f64) {
        let logs = || self.bars.iter().map(|bar| bar.value.log10());
        let first = logs().reduce(f64::min).unwrap_or(0.0).floor();
        let last = logs().reduce(f64::max).unwrap_or(1.0).ceil().max(first + 1.0);
        (10_f64.powf(first), 10_f64.powf(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: &[f64]) -> String {
        let bar = |value: &f64| Bar { name: format!("n{value}"), value: *value, colour: (1, 2, 3) };
        let bars = values.iter().map(bar).collect();
        let all = Bars { title: "a & b".to_owned(), unit: "ms".to_owned(), bars };
        all.svg().expect("bars can be drawn")
    }

    #[test]
    fn a_tenfold_value_is_one_step_of_the_scale_longer() {
        let svg = bars(&[2.0, 20.0, 200.0]);
        let widths = svg.lines().filter(|line| line.contains("#010203")).filter_map(|line| {
            line.split_once(" width=\"")?.1.split('"').next()?.parse::<i32>().ok()
        });
        let widths: Vec<i32> = widths.collect();
        assert_eq!(widths.len(), 3, "{svg}");
        let steps = (widths[1] - widths[0], widths[2] - widths[1]);
        assert!(steps.0 > 100 && (steps.0 - steps.1).abs() <= 1, "{widths:?}");
        for text in ["a &amp; b", "n20", "200", "100 ms"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
    }

    #[test]
    fn one_value_is_a_chart_too_and_so_is_none() {
        for values in [&[1.0][..], &[]] {
            assert!(bars(values).trim_end().ends_with("</svg>"));
        }
    }
}
