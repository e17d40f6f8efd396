//! Two simulated readers by the ABCD rule of dermoscopy (Stolz et al. 1994): asymmetry, border, colours, structures.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::factors::Lesion;

/// From here on a score is suspicious, and from the second on it speaks for melanoma.
pub const LIMITS: [f64; 2] = [4.75, 5.45];

/// Of a reader's score about the rule's own, sd; readers agree on melanoma with a kappa of about .6 then.
const UNSURE: f64 = 0.55;

/// Parts of the rule, each as it counts points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// Axes about which the lesion is not the same, 0 to 2.
    pub asymmetry: u32,
    /// Eighths of the border that end abruptly, 0 to 8.
    pub border: u32,
    /// Of white, red, light brown, dark brown, blue-grey and black, 1 to 6.
    pub colours: u32,
    /// Of network, homogeneous areas, streaks, dots and globules, 1 to 5.
    pub structures: u32,
}

impl Points {
    /// What the rule sees in a lesion.
    pub fn of(lesion: &Lesion) -> Self {
        let darkest = lesion.melanin * (1.0 + 0.6 * lesion.variegation);
        let lightest = lesion.melanin * (1.0 - 0.6 * lesion.variegation);
        let colours = [
            lesion.scar > 0.25 || lesion.scale > 0.3,
            lesion.blood > 0.025 || lesion.vessels > 0,
            lightest > 0.025 && lightest < 0.12,
            darkest > 0.12,
            lesion.deep_melanin > 0.03,
            darkest > 0.30,
        ];
        let structures =
            [lesion.network > 0.2, lesion.network < 0.5, lesion.streaks > 0.25, lesion.cysts > 2, lesion.globules > 3];
        let count = |seen: &[bool]| (seen.iter().filter(|seen| **seen).count() as u32).max(1);
        let abrupt = ((0.7 - lesion.edge) / 0.65).clamp(0.0, 1.0) * (0.3 + 2.5 * lesion.irregularity).min(1.0);
        Self {
            asymmetry: u32::from(lesion.asymmetry > 0.3) + u32::from(lesion.asymmetry > 0.6),
            border: (8.0 * abrupt).round() as u32,
            colours: count(&colours),
            structures: count(&structures),
        }
    }

    /// Total dermoscopy score, 1 to 8.9: 1.3 A + .1 B + .5 C + .5 D.
    pub fn total(&self) -> f64 {
        let [a, b, c, d] = [self.asymmetry, self.border, self.colours, self.structures].map(f64::from);
        1.3 * a + 0.1 * b + 0.5 * c + 0.5 * d
    }
}

/// What one reader makes of a lesion: the score, and whether it is called a melanoma.
pub fn read(points: &Points, rng: &mut impl Rng) -> (f64, bool) {
    let unsure: f64 = StandardNormal.sample(rng);
    let score = points.total() + UNSURE * unsure;
    (score, score > LIMITS[1])
}

#[cfg(test)]
mod tests {
    use super::super::classes::Diagnosis;
    use super::*;
    use crate::seed::RunSeed;

    #[test]
    fn the_rule_by_hand() {
        let worst = Points { asymmetry: 2, border: 8, colours: 6, structures: 5 };
        assert!((worst.total() - 8.9).abs() < 1e-12);
        let least = Points { asymmetry: 0, border: 0, colours: 1, structures: 1 };
        assert!((least.total() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn melanomas_score_higher_than_naevi_and_not_always() {
        let scores = |dx: Diagnosis| -> Vec<f64> {
            let score = |at| Points::of(&Lesion::draw(dx, &mut RunSeed(at).stream("lesion", 0))).total();
            let mut all: Vec<f64> = (0..300).map(score).collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let (melanomas, naevi) = (scores(Diagnosis::Mel), scores(Diagnosis::Nv));
        assert!(melanomas[150] > LIMITS[0] && naevi[150] < LIMITS[0], "{} {}", melanomas[150], naevi[150]);
        assert!(melanomas[15] < LIMITS[1] && melanomas[30] < naevi[295], "{} {}", melanomas[15], naevi[295]);
    }
}
