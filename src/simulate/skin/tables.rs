//! The set's tables: HAM10000's metadata, and the truth of every image.

use rand::{Rng, RngExt};

use super::classes::Diagnosis;
use super::layout::{image_id, lesion_id};
use super::optics::table::ColourTable;
use super::plan::Planned;
use super::readers::{Points, read};
use super::render::hair_share;
use super::shown::{Shown, shown};
use super::structures::Structures;
use crate::seed::RunSeed;

/// What a lesion's rows need beside its plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What its factors and places come to.
    pub shown: Shown,
    /// Points of the ABCD rule.
    pub points: Points,
    /// Each reader's score and whether it is called a melanoma.
    pub readers: [(f64, bool); 2],
}

impl Told {
    /// Of a lesion.
    pub fn of(planned: &Planned, structures: &Structures, table: &ColourTable, seed: u64) -> Self {
        let points = Points::of(&planned.lesion);
        let number = u64::from(planned.number);
        let reader = |name: &str| read(&points, &mut RunSeed(seed).stream(name, number));
        Self { shown: shown(structures, table), points, readers: [reader("first reader"), reader("second reader")] }
    }
}

/// Columns of `HAM10000_metadata.csv`, the eighth as in the later release.
const METADATA: [&str; 8] = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"];

const PLACES: [&str; 14] = [
    "back",
    "lower extremity",
    "trunk",
    "upper extremity",
    "abdomen",
    "face",
    "chest",
    "foot",
    "neck",
    "scalp",
    "hand",
    "ear",
    "genital",
    "acral",
];

/// The metadata; age, sex and place say nothing of the class, and how it was found as much as in HAM10000.
pub fn metadata(plan: &[Planned], seed: u64) -> String {
    let mut text = METADATA.join(",") + "\n";
    for planned in plan {
        let mut rng = RunSeed(seed).stream("person", u64::from(planned.number));
        let dx = planned.lesion.dx;
        let found = found(dx, &mut rng);
        let age = 5 * rng.random_range(4..=17);
        let sex = if rng.random() { "male" } else { "female" };
        let place = PLACES[rng.random_range(0..PLACES.len())];
        for (number, _) in &planned.photographs {
            let (lesion, image) = (lesion_id(planned.number), image_id(*number));
            text += &format!("{lesion},{image},{},{found},{age}.0,{sex},{place},simulated\n", dx.key());
        }
    }
    text
}

/// How the diagnosis was made, at HAM10000's shares.
fn found(dx: Diagnosis, rng: &mut impl Rng) -> &'static str {
    let share: f64 = rng.random();
    match dx {
        Diagnosis::Mel | Diagnosis::Bcc | Diagnosis::Akiec => "histo",
        Diagnosis::Nv if share < 0.55 => "follow_up",
        Diagnosis::Nv if share < 0.92 => "histo",
        Diagnosis::Bkl if share < 0.06 => "confocal",
        Diagnosis::Nv => "consensus",
        Diagnosis::Bkl | Diagnosis::Df | Diagnosis::Vasc if share < 0.6 => "histo",
        Diagnosis::Bkl | Diagnosis::Df | Diagnosis::Vasc => "consensus",
    }
}

/// The truth of every image: all that was drawn, what that comes to in the terms of the meters (`shown_...`), the
/// points of the ABCD rule and the two readers.
pub fn factors(plan: &[Planned], told: &[Told]) -> String {
    let mut text = String::new();
    for (planned, told) in plan.iter().zip(told) {
        for at in 0..planned.photographs.len() {
            let (number, rows) = (planned.photographs[at].0, row(planned, told, at));
            if text.is_empty() {
                let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
                text = format!("image_id,lesion_id,dx,{}\n", names.join(","));
            }
            let values: Vec<String> = rows.iter().map(|(_, value)| value.to_string()).collect();
            let (image, lesion) = (image_id(number), lesion_id(planned.number));
            text += &format!("{image},{lesion},{},{}\n", planned.lesion.dx.key(), values.join(","));
        }
    }
    text
}

/// One photograph's numbers under their names.
fn row(planned: &Planned, told: &Told, at: usize) -> Vec<(&'static str, f64)> {
    let lesion = &planned.lesion;
    let photograph = &planned.photographs[at].1;
    let shown = &told.shown;
    let truth = |yes: bool| f64::from(u8::from(yes));
    let (sin, cos) = (2.0 * photograph.angle.to_radians()).sin_cos();
    let square = lesion.aspect * lesion.aspect;
    let elongation = (square - 1.0) / (square + 1.0);
    let (down, right) = photograph.gradient_angle.to_radians().sin_cos();
    let radius = lesion.diameter / 2.0 / photograph.field;
    vec![
        ("skin_melanin", lesion.skin_melanin),
        ("skin_blood", lesion.skin_blood),
        ("diameter_mm", lesion.diameter),
        ("aspect", lesion.aspect),
        ("irregularity", lesion.irregularity),
        ("edge_mm", lesion.edge),
        ("asymmetry", lesion.asymmetry),
        ("melanin", lesion.melanin),
        ("deep_melanin", lesion.deep_melanin),
        ("blood", lesion.blood),
        ("variegation", lesion.variegation),
        ("network", lesion.network),
        ("period_mm", lesion.period),
        ("globules", f64::from(lesion.globules)),
        ("streaks", lesion.streaks),
        ("cysts", f64::from(lesion.cysts)),
        ("vessels", f64::from(lesion.vessels)),
        ("lacunae", f64::from(lesion.lacunae)),
        ("scar", lesion.scar),
        ("scale", lesion.scale),
        ("field_mm", photograph.field),
        ("x", photograph.x),
        ("y", photograph.y),
        ("angle_degrees", photograph.angle),
        ("mirrored", truth(photograph.mirrored)),
        ("hairs", f64::from(photograph.hairs)),
        ("hair_width_mm", photograph.hair_width),
        ("hair_albedo", photograph.hair_albedo),
        ("vignette", photograph.vignette),
        ("white_balance", photograph.balance),
        ("gradient", photograph.gradient),
        ("gradient_degrees", photograph.gradient_angle),
        ("noise", photograph.noise),
        ("shown_skin_melanin", 100.0 * lesion.skin_melanin),
        ("shown_skin_blood", 100.0 * lesion.skin_blood),
        ("shown_white_balance", photograph.balance),
        ("shown_light_right", photograph.gradient * right),
        ("shown_light_down", photograph.gradient * down),
        ("shown_vignette", photograph.vignette),
        ("shown_hairs", hair_share(photograph)),
        ("shown_area", std::f64::consts::PI * radius * radius),
        ("shown_x", photograph.x),
        ("shown_y", photograph.y),
        ("shown_elongation_cos", elongation * cos),
        ("shown_elongation_sin", elongation * sin),
        ("shown_irregularity", lesion.irregularity),
        ("shown_asymmetry", shown.asymmetry),
        ("shown_edge", lesion.edge / photograph.field),
        ("shown_melanin", shown.melanin),
        ("shown_deep_melanin", shown.deep_melanin),
        ("shown_blood", shown.blood),
        ("shown_white", shown.white),
        ("shown_variegation", shown.variegation),
        ("shown_network", shown.network),
        ("shown_dots", shown.dots),
        ("rule_asymmetry", f64::from(told.points.asymmetry)),
        ("rule_border", f64::from(told.points.border)),
        ("rule_colours", f64::from(told.points.colours)),
        ("rule_structures", f64::from(told.points.structures)),
        ("reader1_tds", told.readers[0].0),
        ("reader1_melanoma", truth(told.readers[0].1)),
        ("reader2_tds", told.readers[1].0),
        ("reader2_melanoma", truth(told.readers[1].1)),
    ]
}
