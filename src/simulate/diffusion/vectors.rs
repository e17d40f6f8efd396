//! Three numbers with a direction.

/// Right, front, up.
pub type Way = [f64; 3];

/// Sum of products.
pub(super) fn dot(a: Way, b: Way) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Square on both.
pub(super) fn cross(a: Way, b: Way) -> Way {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Of length 1; up where there is no length.
pub(super) fn unit(way: Way) -> Way {
    let length = dot(way, way).sqrt();
    if length > 1e-12 { way.map(|one| one / length) } else { [0.0, 0.0, 1.0] }
}

/// From 0 below `low` to 1 above `high` without a corner.
pub(super) fn rise(value: f64, low: f64, high: f64) -> f64 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
