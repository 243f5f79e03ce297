//! Draws a chart of horizontal bars as SVG text.

use std::fmt::Write;

/// The width of the whole picture.
const WIDTH: f64 = 760.0;
/// Where the bars begin: the names are left of it.
const LEFT: f64 = 150.0;
/// The space right of the longest bar, for its number.
const RIGHT: f64 = 80.0;
/// The height of the title and the scale, and of one bar with its space.
const TOP: f64 = 64.0;
const ROW: f64 = 20.0;

/// One bar.
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// Its length, above 0.
    pub value: f64,
    /// Its colour.
    pub colour: &'static str,
}

/// A chart of the bars, one below the other, on a logarithmic scale from one power of ten to another.
pub fn chart(title: &str, unit: &str, bars: &[Bar]) -> String {
    let logs = || bars.iter().map(|bar| bar.value.log10());
    let first = logs().reduce(f64::min).unwrap_or(0.0).floor();
    let last = logs().reduce(f64::max).unwrap_or(1.0).ceil().max(first + 1.0);
    let x = |value: f64| LEFT + (value.log10() - first) / (last - first) * (WIDTH - LEFT - RIGHT);
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"24\" font-size=\"15\" fill=\"#1f2328\">{}</text>\n",
        escaped(title),
        escaped(title)
    );
    let mut exponent = first;
    while exponent <= last {
        let (value, x) = (10_f64.powf(exponent), x(10_f64.powf(exponent)));
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {TOP}V{:.1}\" stroke=\"#d0d7de\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#59636e\">{value} {unit}</text>",
            height - 8.0,
            TOP - 8.0
        );
        exponent += 1.0;
    }
    for (row, bar) in bars.iter().enumerate() {
        draw(&mut svg, bar, TOP + ROW * row as f64, x(bar.value));
    }
    svg + "</svg>\n"
}

/// A bar from the left edge to `end`, with its name and its value.
fn draw(svg: &mut String, bar: &Bar, top: f64, end: f64) {
    let (name, value, colour) = (escaped(&bar.name), bar.value, bar.colour);
    let digits = if value < 100.0 { 1 } else { 0 };
    let text = top + ROW - 6.0;
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{text}\" text-anchor=\"end\" fill=\"#1f2328\">{name}</text>\
         <rect x=\"{LEFT}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\"/>\
         <text x=\"{:.1}\" y=\"{text}\" fill=\"#1f2328\">{value:.digits$}</text>",
        LEFT - 8.0,
        top + 3.0,
        (end - LEFT).max(1.0),
        ROW - 6.0,
        end.max(LEFT) + 6.0
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, value: f64) -> Bar {
        Bar { name: name.to_owned(), value, colour: "#000000" }
    }

    #[test]
    fn a_tenfold_value_is_one_step_of_the_scale_longer() {
        let svg = chart("a & b", "ms", &[bar("one", 1.0), bar("ten", 10.0), bar("hundred", 100.0)]);
        let widths: Vec<f64> = svg
            .lines()
            .filter_map(|line| {
                line.split_once("<rect x=")?.1.split_once("width=\"")?.1.split('"').next()
            })
            .map(|width| width.parse().expect("a number"))
            .collect();
        assert_eq!(widths, [1.0, 265.0, 530.0]);
        assert!(
            svg.contains("<title>a &amp; b</title>") && svg.contains(">100 ms</text>"),
            "{svg}"
        );
    }

    #[test]
    fn one_value_is_a_chart_too_and_so_is_none() {
        assert!(chart("t", "ms", &[bar("one", 1.0)]).ends_with("</svg>\n"));
        assert!(chart("t", "ms", &[]).ends_with("</svg>\n"));
    }
}
