//! Affine maps of the image plane, in pixels from the image's centre, x to the right and y down.

/// (x, y) -> (a x + b y + c, d x + e y + f).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    rows: [[f64; 3]; 2],
}

impl Affine {
    /// Every place stays where it is.
    pub const IDENTITY: Self = Self { rows: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] };

    /// Then stretch.
    pub fn scale(self, x: f64, y: f64) -> Self {
        let [top, bottom] = self.rows;
        Self { rows: [top.map(|v| v * x), bottom.map(|v| v * y)] }
    }

    /// Then turn by `angle` radians, from x towards y.
    pub fn rotate(self, angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        let [top, bottom] = self.rows;
        let mix = |u: f64, v: f64| std::array::from_fn(|i| u * top[i] + v * bottom[i]);
        Self { rows: [mix(cos, -sin), mix(sin, cos)] }
    }

    /// Then shift.
    pub fn translate(mut self, x: f64, y: f64) -> Self {
        self.rows[0][2] += x;
        self.rows[1][2] += y;
        self
    }

    /// The map back. The linear part is made of turns and positive or mirrored stretches, so it is invertible.
    pub fn inverse(self) -> Self {
        let [[a, b, c], [d, e, f]] = self.rows;
        let determinant = a * e - b * d;
        let linear = [[e / determinant, -b / determinant], [-d / determinant, a / determinant]];
        let shift = linear.map(|[u, v]| -(u * c + v * f));
        Self { rows: [[linear[0][0], linear[0][1], shift[0]], [linear[1][0], linear[1][1], shift[1]]] }
    }

    /// Where (x, y) goes.
    pub fn at(self, x: f64, y: f64) -> (f64, f64) {
        let [[a, b, c], [d, e, f]] = self.rows;
        (a * x + b * y + c, d * x + e * y + f)
    }

    /// \[\[a, b, c\], \[d, e, f\]\].
    pub fn rows(self) -> [[f64; 3]; 2] {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_follow_one_another_and_invert() {
        let map = Affine::IDENTITY.scale(2.0, 1.0).rotate(std::f64::consts::FRAC_PI_2).translate(3.0, 4.0);
        let (x, y) = map.at(1.0, 0.0);
        approx::assert_abs_diff_eq!(x, 3.0, epsilon = 1e-12);
        approx::assert_abs_diff_eq!(y, 6.0, epsilon = 1e-12);
        let (x, y) = map.inverse().at(x, y);
        approx::assert_abs_diff_eq!(x, 1.0, epsilon = 1e-12);
        approx::assert_abs_diff_eq!(y, 0.0, epsilon = 1e-12);
    }
}
