//! Boxes and arrows as SVG text. Knows nothing of what they stand for.

use std::fmt::Write;

use super::svg::escape;

/// Height of a line of text, CSS pixels.
const LINE: f64 = 15.0;

/// A picture under construction.
pub struct Diagram {
    width: f64,
    height: f64,
    body: String,
}

/// A box: its left upper corner, width and height in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// To the right.
    pub width: f64,
    /// Downwards.
    pub height: f64,
}

impl Block {
    fn middle(self) -> [f64; 2] {
        [self.x + self.width / 2.0, self.y + self.height / 2.0]
    }
}

impl Diagram {
    /// Empty, `width` x `height` CSS pixels.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    /// Draws a box about lines of text; `class` is the page's style of its border.
    pub fn block(&mut self, block: Block, lines: &[&str], class: &str) -> Block {
        let Block { x, y, width, height } = block;
        let _ = writeln!(
            self.body,
            r#"<rect class="box {class}" x="{x:.0}" y="{y:.0}" width="{width:.0}" height="{height:.0}" rx="5"/>"#
        );
        let [middle, centre] = block.middle();
        let first = centre - LINE * (lines.len() as f64 - 1.0) / 2.0 + 4.0;
        for (at, line) in lines.iter().enumerate() {
            let base = first + LINE * at as f64;
            let text = escape(line);
            let _ = writeln!(
                self.body,
                r#"<text class="label" x="{middle:.0}" y="{base:.0}" text-anchor="middle">{text}</text>"#
            );
        }
        block
    }

    /// An arrow along straight pieces, pointing at the last point.
    pub fn arrow(&mut self, points: &[[f64; 2]], class: &str) {
        let [.., before, tip] = points else { return };
        let mut path = String::new();
        for (at, [x, y]) in points.iter().enumerate() {
            let _ = write!(path, "{}{x:.0} {y:.0}", if at == 0 { 'M' } else { 'L' });
        }
        let (dx, dy) = (tip[0] - before[0], tip[1] - before[1]);
        let length = dx.hypot(dy).max(1e-9);
        let (ux, uy) = (6.0 * dx / length, 6.0 * dy / length);
        let (back, side) = ([tip[0] - ux, tip[1] - uy], [-uy / 2.0, ux / 2.0]);
        for way in [1.0, -1.0] {
            let end = [back[0] + way * side[0], back[1] + way * side[1]];
            let _ = write!(path, "M{:.1} {:.1}L{:.0} {:.0}", end[0], end[1], tip[0], tip[1]);
        }
        let _ = writeln!(self.body, r#"<path class="line {class}" d="{path}"/>"#);
    }

    /// From the right side of one box to the left side of another at the same height.
    pub fn across(&mut self, from: Block, to: Block) {
        let y = from.middle()[1];
        self.arrow(&[[from.x + from.width, y], [to.x, y]], "c3");
    }

    /// Words by themselves, beginning at a point.
    pub fn words(&mut self, [x, y]: [f64; 2], text: &str) {
        let _ = writeln!(self.body, r#"<text class="tick" x="{x:.0}" y="{y:.0}">{}</text>"#, escape(text));
    }

    /// The finished picture.
    pub fn finish(self, title: &str) -> String {
        let (w, h, title) = (self.width, self.height, escape(title));
        let size = format!(r#"viewBox="0 0 {w:.0} {h:.0}" width="{w:.0}" height="{h:.0}""#);
        format!(r#"<svg class="plot diagram" {size} role="img" aria-label="{title}">{}</svg>"#, self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_an_arrow_ends_at_its_tip() {
        let mut diagram = Diagram::new(100.0, 50.0);
        let left = diagram.block(Block { x: 0.0, y: 0.0, width: 20.0, height: 20.0 }, &["a < b"], "c1");
        let right = diagram.block(Block { x: 50.0, y: 0.0, width: 20.0, height: 20.0 }, &["c"], "c1");
        diagram.across(left, right);
        diagram.arrow(&[[1.0, 1.0]], "c1");
        let svg = diagram.finish("\"t\"");
        assert!(svg.contains("a &lt; b") && svg.contains("&quot;t&quot;"));
        assert!(svg.contains("M20 10L50 10M44.0 13.0L50 10M44.0 7.0L50 10"), "{svg}");
        assert_eq!(svg.matches("<path").count(), 1, "one point is no arrow");
    }
}
