//! Solids as functions of a place: negative inside, about the distance to the surface in mm near it.

/// Right, front, up, in mm.
pub type Place = [f64; 3];

/// A rounded box between an ellipsoid (`power` 2) and a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ellipsoid {
    /// Its middle.
    pub centre: Place,
    /// Half its length along each axis.
    pub half: Place,
    /// 2 or more.
    pub power: f64,
}

impl Ellipsoid {
    /// With round ends.
    pub const fn new(centre: Place, half: Place) -> Self {
        Self { centre, half, power: 2.0 }
    }

    /// About the distance from the surface.
    pub fn distance(&self, place: Place) -> f64 {
        let scaled: [f64; 3] = std::array::from_fn(|axis| ((place[axis] - self.centre[axis]) / self.half[axis]).abs());
        // Most are of power 2, where what follows needs no power of a fraction: those were half of a brain's time.
        let is_round = self.power == 2.0;
        let raised: [f64; 3] =
            std::array::from_fn(|axis| if is_round { scaled[axis] } else { scaled[axis].powf(self.power - 1.0) });
        let sum: f64 = (0..3).map(|axis| scaled[axis] * raised[axis]).sum();
        let norm = if is_round { sum.sqrt() } else { sum.powf(1.0 / self.power) };
        // The slope of the norm, by which it becomes a distance near the surface.
        let steep = (0..3).map(|axis| (raised[axis] / self.half[axis]).powi(2)).sum::<f64>().sqrt();
        let slope = steep * norm / sum.max(f64::MIN_POSITIVE);
        (norm - 1.0) / slope.max(0.2 / self.least_half())
    }

    fn least_half(&self) -> f64 {
        self.half[0].min(self.half[1]).min(self.half[2])
    }

    /// What [`Ellipsoid::distance`] is never below, by three divisions: the norm is at least its greatest part, and
    /// its slope at most one over the least half. Within the box it says nothing: minus infinity.
    pub fn at_least(&self, place: Place) -> f64 {
        let part = |axis: usize| ((place[axis] - self.centre[axis]) / self.half[axis]).abs();
        let off = part(0).max(part(1)).max(part(2)) - 1.0;
        if off > 0.0 { off * self.least_half() } else { f64::NEG_INFINITY }
    }
}

/// All places within a radius of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capsule {
    /// One end of the line.
    pub from: Place,
    /// The other.
    pub to: Place,
    /// At either end.
    pub radius: [f64; 2],
}

impl Capsule {
    /// The distance from the surface, exact where both ends are equally thick.
    pub fn distance(&self, place: Place) -> f64 {
        let way: Place = std::array::from_fn(|axis| self.to[axis] - self.from[axis]);
        let off: Place = std::array::from_fn(|axis| place[axis] - self.from[axis]);
        let along = (dot(way, off) / dot(way, way)).clamp(0.0, 1.0);
        let apart: Place = std::array::from_fn(|axis| off[axis] - along * way[axis]);
        dot(apart, apart).sqrt() - self.radius[0] - along * (self.radius[1] - self.radius[0])
    }

    /// The same on the other side of the head.
    pub fn mirrored(&self) -> Self {
        let turn = |[x, y, z]: Place| [-x, y, z];
        Self { from: turn(self.from), to: turn(self.to), ..*self }
    }
}

fn dot(a: Place, b: Place) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// 1 well below 0, 0 well above: the share of a voxel about `width` mm wide that is inside.
pub fn share(distance: f64, width: f64) -> f64 {
    (0.5 - distance / width).clamp(0.0, 1.0)
}

/// The smaller of two distances, with their crease rounded over about `radius` mm.
pub fn joined(a: f64, b: f64, radius: f64) -> f64 {
    let h = (radius - (a - b).abs()).max(0.0) / radius;
    a.min(b) - h * h * radius / 4.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        let ball = Ellipsoid::new([1.0, 0.0, 0.0], [10.0; 3]);
        for (place, expected) in [([11.0, 0.0, 0.0], 0.0), ([1.0, 13.0, 0.0], 3.0), ([1.0, 0.0, 8.0], -2.0)] {
            assert!((ball.distance(place) - expected).abs() < 1e-9, "{place:?}");
        }
        let egg = Ellipsoid::new([0.0; 3], [10.0, 20.0, 30.0]);
        assert!((egg.distance([0.0, 21.0, 0.0]) - 1.0).abs() < 1e-9);
        // In the middle five times the least half; off the axes as the norm and its gradient have it.
        assert_eq!(egg.distance([0.0; 3]), -50.0);
        let box_like = Ellipsoid { power: 2.2, ..egg };
        assert!((box_like.distance([0.0, 21.0, 0.0]) - 1.0).abs() < 1e-9);
        let norm = |place: Place| {
            let raised = |axis: usize| (place[axis] / box_like.half[axis]).powf(2.2);
            (0..3).map(raised).sum::<f64>().powf(1.0 / 2.2)
        };
        let place = [7.0, 9.0, 11.0];
        let gradient = (0..3).map(|axis| {
            let mut on = place;
            on[axis] += 1e-6;
            ((norm(on) - norm(place)) / 1e-6).powi(2)
        });
        let expected = (norm(place) - 1.0) / gradient.sum::<f64>().sqrt();
        assert!((box_like.distance(place) / expected - 1.0).abs() < 1e-4);
        let rod = Capsule { from: [0.0; 3], to: [0.0, 10.0, 0.0], radius: [2.0, 2.0] };
        assert_eq!(rod.distance([3.0, 5.0, 0.0]), 1.0);
        assert_eq!(rod.distance([0.0, 14.0, 0.0]), 2.0);
        assert_eq!(rod.mirrored().distance([-3.0, 5.0, 0.0]), 1.0);
    }

    #[test]
    fn a_distance_is_no_less_than_its_bound() {
        for power in [2.0, 2.2, 6.0] {
            let body = Ellipsoid { centre: [3.0, -2.0, 1.0], half: [10.0, 20.0, 35.0], power };
            for at in 0..20 * 20 * 20 {
                let place = [at % 20, at / 20 % 20, at / 400].map(|step| 6.3 * f64::from(step) - 60.0);
                assert!(body.distance(place) >= body.at_least(place) - 1e-9, "{place:?}");
            }
            // On an axis of the least half it is the distance itself; in the box it says nothing.
            assert!((body.at_least([18.0, -2.0, 1.0]) - 5.0).abs() < 1e-9);
            assert_eq!(body.at_least([12.0, 17.0, 35.0]), f64::NEG_INFINITY);
        }
    }

    #[test]
    fn shares_and_joints() {
        assert_eq!([-1.0, 0.0, 0.25, 2.0].map(|distance| share(distance, 1.0)), [1.0, 0.5, 0.25, 0.0]);
        assert_eq!(joined(1.0, 5.0, 2.0), 1.0);
        assert_eq!(joined(1.0, 1.0, 2.0), 0.5);
    }
}
