//! Smooth noise over a plane, the same for the same place and key.

/// A pseudo-random number in 0..1 of a lattice point (finaliser of SplitMix64, Steele et al. 2014).
fn lattice(x: i64, y: i64, key: u64) -> f64 {
    let mut z = key ^ (x as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (y as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Value noise in -1..1 whose features are one unit large, at a point.
pub fn smooth(x: f64, y: f64, key: u64) -> f64 {
    let (fx, fy) = (x.floor(), y.floor());
    let ease = |t: f64| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (ease(x - fx), ease(y - fy));
    let at = |dx: i64, dy: i64| lattice(fx as i64 + dx, fy as i64 + dy, key);
    let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
    2.0 * mix(mix(at(0, 0), at(1, 0), tx), mix(at(0, 1), at(1, 1), tx), ty) - 1.0
}

/// Three octaves of [`smooth`], each half as large and as strong as the one before; in -1..1.
pub fn rough(x: f64, y: f64, key: u64) -> f64 {
    let octave = |scale: f64, key: u64| smooth(x * scale, y * scale, key) / scale;
    (octave(1.0, key) + octave(2.0, key ^ 0x55) + octave(4.0, key ^ 0xAA)) / 1.75
}

/// Distances of a point from the nearest and from the second nearest of points strewn over the plane, one a unit
/// square; lines where the two are alike are the borders of cells (Worley, *A cellular texture basis function*, 1996).
pub fn cells(x: f64, y: f64, key: u64) -> (f64, f64) {
    let (column, row) = (x.floor() as i64, y.floor() as i64);
    // Squares decide, since a root for each of 25 points took most of the time.
    let far = (f64::INFINITY, [f64::INFINITY; 2]);
    let (mut first, mut second) = (far, far);
    for at in 0..25 {
        let (i, j) = (column + at % 5 - 2, row + at / 5 - 2);
        // Every second row is shifted by half, so that cells have six sides, and each point by up to .3 more.
        let shift = if j.rem_euclid(2) == 1 { 0.5 } else { 0.0 };
        let aside = |key: u64| 0.6 * (lattice(i, j, key) - 0.5);
        let (dx, dy) = (i as f64 + 0.25 + shift + aside(key) - x, j as f64 + 0.5 + aside(key ^ 0x33) - y);
        let point = (dx * dx + dy * dy, [dx, dy]);
        if point.0 < first.0 {
            (first, second) = (point, first);
        } else if point.0 < second.0 {
            second = point;
        }
    }
    let distance = |(_, [dx, dy]): (f64, [f64; 2])| dx.hypot(dy);
    (distance(first), distance(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_smooth_bounded_and_of_its_key() {
        let values: Vec<f64> = (0..4000).map(|at| rough(at as f64 * 0.013, 3.3, 7)).collect();
        assert!(values.iter().all(|value| value.abs() <= 1.0));
        assert!(values.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.1));
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.2, "{mean}");
        assert_ne!(smooth(0.3, 0.4, 1), smooth(0.3, 0.4, 2));
        // On the lattice it is the lattice's own value.
        assert_eq!(smooth(2.0, 5.0, 1), 2.0 * lattice(2, 5, 1) - 1.0);
    }
}
