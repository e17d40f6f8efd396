//! Plots as SVG text: axes with nice ticks, lines, dots, intervals. Knows nothing of what it draws.

use std::fmt::Write;

/// Width and height of a plot's data area and the margins around it, in CSS pixels.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 46.0;

/// A linear axis from `low` to `high` in data units.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Beside the axis.
    pub label: String,
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

impl Axis {
    /// An axis that holds all finite `values` with a margin of 5 %, and `include` where given.
    pub fn around(label: &str, values: impl IntoIterator<Item = f64>, include: Option<f64>) -> Self {
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        for value in values.into_iter().chain(include).filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let margin = if high > low { (high - low) * 0.05 } else { high.abs().max(1.0) * 0.5 };
        let floor = if include == Some(0.0) && low == 0.0 { 0.0 } else { low - margin };
        Self { label: label.to_owned(), low: floor, high: high + margin }
    }

    /// From `low` to `high`, whatever the data.
    pub fn fixed(label: &str, low: f64, high: f64) -> Self {
        Self { label: label.to_owned(), low, high }
    }

    /// Round tick positions, four to eight of them.
    pub fn ticks(&self) -> Vec<f64> {
        let span = self.high - self.low;
        let raw = span / 5.0;
        let power = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= raw).unwrap_or(raw);
        let (first, last) = ((self.low / step).ceil(), (self.high / step).floor());
        // An axis of a record that nobody could have meant, from -1e308 to 1e308, has none.
        if !(step > 0.0 && last - first < 20.0) {
            return Vec::new();
        }
        (first as i64..=last as i64).map(|i| i as f64 * step).collect()
    }
}

/// Shortest text that tells neighbouring ticks apart.
pub fn tick_text(value: f64) -> String {
    let text =
        if value.abs() >= 100.0 || value == value.trunc() { format!("{value:.0}") } else { format!("{value:.3}") };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.replace('-', "−") }
}

/// Escapes text for XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A plot under construction.
pub struct Plot {
    width: f64,
    height: f64,
    left: f64,
    x: Axis,
    y: Axis,
    body: String,
    legend: Vec<(String, String)>,
}

impl Plot {
    /// An empty plot of `width` x `height` CSS pixels.
    pub fn new(width: f64, height: f64, x: Axis, y: Axis) -> Self {
        Self { width, height, left: LEFT, x, y, body: String::new(), legend: Vec::new() }
    }

    /// A plot whose rows are named on the left instead of a numeric y axis (forest plots).
    pub fn with_left_margin(mut self, left: f64) -> Self {
        self.left = left;
        self
    }

    fn px(&self, x: f64) -> f64 {
        self.left + (x - self.x.low) / (self.x.high - self.x.low) * (self.width - self.left - RIGHT)
    }

    fn py(&self, y: f64) -> f64 {
        self.height - BOTTOM - (y - self.y.low) / (self.y.high - self.y.low) * (self.height - TOP - BOTTOM)
    }

    /// A line through the finite points, in data units; `class` is the page's style.
    pub fn line(&mut self, points: &[(f64, f64)], class: &str) {
        let mut path = String::new();
        for (x, y) in points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", self.px(*x), self.py(*y));
        }
        if !path.is_empty() {
            let _ = writeln!(self.body, r#"<path class="line {class}" d="{path}"/>"#);
        }
    }

    /// A dot at a finite point in data units, `radius` in CSS pixels.
    pub fn dot(&mut self, x: f64, y: f64, radius: f64, class: &str) {
        if x.is_finite() && y.is_finite() {
            let (cx, cy) = (self.px(x), self.py(y));
            let _ = writeln!(self.body, r#"<circle class="dot {class}" cx="{cx:.1}" cy="{cy:.1}" r="{radius}"/>"#);
        }
    }

    /// A horizontal interval with end caps.
    pub fn whisker(&mut self, low: f64, high: f64, y: f64, class: &str) {
        if low.is_finite() && high.is_finite() {
            let (x0, x1, y) = (self.px(low), self.px(high), self.py(y));
            let (y0, y1) = (y - 4.0, y + 4.0);
            let caps = format!("M{x0:.1} {y0:.1}V{y1:.1}M{x1:.1} {y0:.1}V{y1:.1}");
            let _ = writeln!(self.body, r#"<path class="line {class}" d="M{x0:.1} {y:.1}H{x1:.1}{caps}"/>"#);
        }
    }

    /// A bar from zero up.
    pub fn bar(&mut self, x: f64, y: f64, class: &str) {
        let half = (self.px(x + 0.4) - self.px(x - 0.4)) / 2.0;
        let (left, top, bottom) = (self.px(x) - half, self.py(y), self.py(0.0));
        let _ = writeln!(
            self.body,
            r#"<rect class="bar {class}" x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}"/>"#,
            2.0 * half,
            (bottom - top).max(0.0)
        );
    }

    /// A dashed line across the plot.
    pub fn horizontal_rule(&mut self, y: f64, class: &str) {
        let (x0, x1, y) = (self.left, self.width - RIGHT, self.py(y));
        let _ = writeln!(self.body, r#"<path class="rule {class}" d="M{x0:.1} {y:.1}H{x1:.1}"/>"#);
    }

    /// A dashed line from bottom to top.
    pub fn vertical_rule(&mut self, x: f64, class: &str) {
        let (y0, y1, x) = (TOP, self.height - BOTTOM, self.px(x));
        let _ = writeln!(self.body, r#"<path class="rule {class}" d="M{x:.1} {y0:.1}V{y1:.1}"/>"#);
    }

    /// Names the row at data height `y`, left of the data area.
    pub fn row_label(&mut self, y: f64, text: &str) {
        let (x, y) = (self.left - 8.0, self.py(y) + 4.0);
        let _ = writeln!(
            self.body,
            r#"<text class="label" x="{x:.1}" y="{y:.1}" text-anchor="end">{}</text>"#,
            escape(text)
        );
    }

    /// Adds an entry above the plot.
    pub fn legend(&mut self, text: &str, class: &str) {
        self.legend.push((text.to_owned(), class.to_owned()));
    }

    /// A line from bottom to top at each tick, and its number below.
    fn x_ticks(&self, out: &mut String) {
        let bottom = self.height - BOTTOM;
        for tick in self.x.ticks() {
            let (x, below, number) = (self.px(tick), bottom + 16.0, tick_text(tick));
            let _ = write!(out, r#"<path class="grid" d="M{x:.1} {TOP:.1}V{bottom:.1}"/>"#);
            let _ =
                writeln!(out, r#"<text class="tick" x="{x:.1}" y="{below:.1}" text-anchor="middle">{number}</text>"#);
        }
    }

    /// A line across at each tick, its number on the left, and the axis' label along it.
    fn y_axis(&self, out: &mut String) {
        let (left, right, bottom) = (self.left, self.width - RIGHT, self.height - BOTTOM);
        for tick in self.y.ticks() {
            let y = self.py(tick);
            let (beside, base, number) = (left - 6.0, y + 4.0, tick_text(tick));
            let _ = write!(out, r#"<path class="grid" d="M{left:.1} {y:.1}H{right:.1}"/>"#);
            let _ =
                writeln!(out, r#"<text class="tick" x="{beside:.1}" y="{base:.1}" text-anchor="end">{number}</text>"#);
        }
        let (middle, label) = ((TOP + bottom) / 2.0, escape(&self.y.label));
        let turned = format!(r#"transform="translate(14 {middle:.1}) rotate(-90)""#);
        let _ = writeln!(out, r#"<text class="label" {turned} text-anchor="middle">{label}</text>"#);
    }

    /// The finished picture; `y_ticks` false leaves out the numeric y axis.
    pub fn finish(self, title: &str, y_ticks: bool) -> String {
        let (left, right, bottom) = (self.left, self.width - RIGHT, self.height - BOTTOM);
        let (w, h, title) = (self.width, self.height, escape(title));
        let size = format!(r#"viewBox="0 0 {w:.0} {h:.0}" width="{w:.0}" height="{h:.0}""#);
        let mut out = format!(r#"<svg class="plot" {size} role="img" aria-label="{title}">"#);
        let _ = writeln!(out, r#"<path class="axis" d="M{left:.1} {TOP:.1}V{bottom:.1}H{right:.1}"/>"#);
        self.x_ticks(&mut out);
        if y_ticks {
            self.y_axis(&mut out);
        }
        let _ = writeln!(
            out,
            r#"<text class="label" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            (left + right) / 2.0,
            self.height - 8.0,
            escape(&self.x.label)
        );
        out.push_str(&self.body);
        let mut x = left;
        for (text, class) in &self.legend {
            let _ = writeln!(
                out,
                r#"<path class="line {class}" d="M{x:.1} 14H{:.1}"/><text class="label" x="{:.1}" y="18">{}</text>"#,
                x + 18.0,
                x + 23.0,
                escape(text)
            );
            x += 36.0 + 6.6 * text.chars().count() as f64;
        }
        out.push_str("</svg>");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(Axis::fixed("", 0.0, 1.0).ticks(), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(Axis::fixed("", -7.0, 43.0).ticks(), [0.0, 10.0, 20.0, 30.0, 40.0]);
    }

    #[test]
    fn an_axis_beyond_all_numbers_has_few_ticks_or_none() {
        for (low, high) in
            [(-1e308, 1e308), (0.0, f64::INFINITY), (f64::NAN, 1.0), (-1.0, -1.0), (0.0, 5e-324), (-5e-324, 0.0)]
        {
            let ticks = Axis::fixed("", low, high).ticks();
            assert!(ticks.len() <= 20, "{low} {high}: {}", ticks.len());
        }
    }

    #[test]
    fn tick_text_is_short() {
        assert_eq!(tick_text(0.6000000000000001), "0.6");
        assert_eq!(tick_text(-20.0), "−20");
        assert_eq!(tick_text(2.5), "2.5");
    }

    #[test]
    fn values_that_are_not_numbers_draw_nothing() {
        let mut plot = Plot::new(200.0, 100.0, Axis::fixed("x", 0.0, 1.0), Axis::fixed("y", 0.0, 1.0));
        plot.dot(f64::NAN, 0.5, 2.0, "a");
        plot.line(&[(0.0, f64::INFINITY)], "a");
        assert!(plot.body.is_empty());
        assert!(!plot.finish("t", true).contains("NaN"));
    }

    #[test]
    fn an_axis_around_nothing_is_still_an_axis() {
        let axis = Axis::around("x", [], None);
        assert!(axis.high > axis.low);
    }
}
