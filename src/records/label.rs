//! What a network and a data set say about their images.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::name::Name;
use crate::problem::{Kind, Problem, Result};

/// What one channel of an image shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrast {
    /// BIDS suffix in lower case: "chimap", "flair", "rim"; "image0".. for plain images.
    pub name: Name,
    /// "ppb", "a.u.", "probability", "grey level".
    pub unit: String,
    /// What the network's range -1..1 means in that unit.
    pub window: Window,
}

impl Contrast {
    /// The unit that files of volumes have it in: BIDS has susceptibility in ppm.
    pub fn unit_in_volumes(&self) -> &str {
        if self.unit == "ppb" { "ppm" } else { &self.unit }
    }

    /// A value in the contrast's own unit as files of volumes have it.
    pub fn in_volumes(&self, value: f32) -> f32 {
        if self.unit == "ppb" { value * 1e-3 } else { value }
    }

    /// What a network drew, -1..1 or a little beyond, as files of volumes have it: probabilities are from 0 to 1,
    /// regions whole numbers.
    pub fn drawn_in_volumes(&self, value: f32) -> f32 {
        let physical = self.window.to_physical(value);
        match self.unit.as_str() {
            "probability" => physical.clamp(0.0, 1.0),
            "region" => physical.round().clamp(self.window.low as f32, self.window.high as f32),
            _ => self.in_volumes(physical),
        }
    }
}

/// The susceptibility map, on which the rim study measures.
pub const SUSCEPTIBILITY: &str = "chimap";

/// What susceptibility maps are called, beside [`SUSCEPTIBILITY`], as suffixes in lower case: BIDS has "Chimap" alone,
/// programs and people have the others.
pub const SUSCEPTIBILITY_NAMES: [&str; 13] = [
    SUSCEPTIBILITY,
    "qsm",
    "chi",
    "chimaps",
    "qsmap",
    "qsmmap",
    "susceptibility",
    "suscept",
    "susceptibilitymap",
    "susc",
    "quantitativesusceptibility",
    "quantitativesusceptibilitymap",
    "medi",
];

/// Whether a contrast's name, or a file's suffix in whatever case, is one of [`SUSCEPTIBILITY_NAMES`].
pub fn is_susceptibility(name: &str) -> bool {
    SUSCEPTIBILITY_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// What data sets call a contrast that a person or a file calls `name`: susceptibility by any of its names is
/// [`SUSCEPTIBILITY`].
pub fn known_as(name: &str) -> &str {
    if is_susceptibility(name) { SUSCEPTIBILITY } else { name }
}

/// The channel that a rim's contrast is measured on: the susceptibility map where there is one, else the first.
pub fn measured(contrasts: &[Contrast]) -> usize {
    contrasts.iter().position(|contrast| contrast.name.as_str() == SUSCEPTIBILITY).unwrap_or(0)
}

/// Linear map low..high -> -1..1, clipped; its inverse is exact inside the window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Physical value at -1.
    pub low: f64,
    /// Physical value at 1.
    pub high: f64,
}

/// Voxels of more are no image of a person.
const LARGEST_VOXEL_MM: f64 = 1000.0;

/// Smallest side that the networks have.
const SMALLEST: usize = 8;

/// Where an image of `height` x `width` pixels lies in the network's square: in the middle, its border repeated around
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Padding {
    /// Rows of the image.
    pub height: usize,
    /// Columns of the image.
    pub width: usize,
    /// Of the network's square.
    pub side: usize,
}

impl Padding {
    /// For the smallest power of two that holds the image.
    pub fn of(height: usize, width: usize) -> Self {
        Self { height, width, side: height.max(width).max(SMALLEST).next_power_of_two() }
    }

    /// Nothing to pad: a network's own square.
    pub fn none(side: usize) -> Self {
        Self { height: side, width: side, side }
    }

    /// The image is the square.
    pub fn is_none(&self) -> bool {
        (self.height, self.width) == (self.side, self.side)
    }

    /// Rows above and columns left of the image.
    pub fn offset(&self) -> [usize; 2] {
        [(self.side - self.height) / 2, (self.side - self.width) / 2]
    }
}

/// What a network file says about itself beyond its sizes: `channels` and `provenance` of its JSON description.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkLabel {
    /// What each image channel shows, in their order; empty where nobody knows, as after an import without windows.
    pub contrasts: Vec<Contrast>,
    /// Where the network comes from.
    pub provenance: Provenance,
}

/// Stands among [`Provenance::ancestor_data`] for a data set that nobody knows.
pub const UNKNOWN_DATA: &str = "unknown";

/// Where a network comes from. A key that a file lacks is `None`: older versions wrote fewer, an import knows few.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Provenance {
    /// Hashes of the manifests of other data sets that its weights knew before, by the networks that training started
    /// from; [`UNKNOWN_DATA`] for one that does not say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestor_data: Vec<String>,
    /// Names of the classes in the order of their numbers; empty for a network without classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Hash of the manifest of the data set that it was trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// Frechet distance to the training images, for a network that was kept as the best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frechet: Option<f64>,
    /// Real images shown to the discriminator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// The foreign file that it was imported from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// Where its images lie in the network's square.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<Padding>,
    /// Number of the class that holds the rims; `Some(None)` where the file says that there is none.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    pub rim_class: Option<Option<usize>>,
    /// Version of the program that wrote the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rimforge: Option<String>,
    /// Seed of the training run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Trained on simulated data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<bool>,
    /// Lesions that it was trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_lesions: Option<u64>,
    /// Their slices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_slices: Option<u64>,
    /// Pivotal tuning of a network that was trained before ([`Provenance::data_sha256`] is what it was tuned on).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuned: Option<Tuned>,
    /// Depth, height and width of a pixel in mm; `Some(None)` where the file says that there is no such size.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    pub voxel_mm: Option<Option<[f64; 3]>>,
}

/// What a tuned network was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuned {
    /// Training images that it was tuned on.
    pub images: u64,
    /// SHA-256 of the file of the network that it was.
    pub network_sha256: String,
}

/// The file that a network was imported from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// Its name, without folders.
    pub file: String,
    /// "StyleGAN2-ADA pickle".
    pub format: String,
    /// Which of the file's networks: "G_ema".
    pub network: String,
    /// Lower-case hexadecimal SHA-256 of the file.
    pub sha256: String,
}

/// A key that is there, be it null.
fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

impl NetworkLabel {
    /// `channels` and `provenance` of a network file, their keys sorted by name.
    ///
    /// # Errors
    /// None that a label can cause; the JSON writer's own are passed on.
    pub fn to_json(&self) -> Result<[Value; 2]> {
        let failed = |error| Problem::new(Kind::Internal, format!("cannot express a label as JSON: {error}"));
        let contrasts = Some(&self.contrasts).filter(|contrasts| !contrasts.is_empty());
        Ok([serde_json::to_value(contrasts).map_err(failed)?, serde_json::to_value(&self.provenance).map_err(failed)?])
    }

    /// Reads what [`NetworkLabel::to_json`] gives.
    ///
    /// # Errors
    /// A key whose value is not of its kind, or that no label has; the error names it. A key that is missing is no
    /// error.
    pub fn from_json([channels, provenance]: [Value; 2]) -> Result<Self> {
        let contrasts = Option::<Vec<Contrast>>::deserialize(&channels);
        let contrasts = contrasts.map_err(|error| wrong("channels", &channels, &error))?.unwrap_or_default();
        let provenance = match provenance {
            Value::Null => Provenance::default(),
            Value::Object(entries) => read(entries)?,
            other => return Err(wrong("provenance", &other, &"expected an object")),
        };
        for Contrast { window: Window { low, high }, .. } in &contrasts {
            Window::new(*low, *high).map_err(|_| wrong("channels", &channels, &"a window that is none"))?;
        }
        let size = provenance.voxel_mm.flatten();
        if size.is_some_and(|size| !size.into_iter().all(|side| side > 0.0 && side <= LARGEST_VOXEL_MM)) {
            return Err(wrong("voxel_mm", &json!(size), &"no size of voxels"));
        }
        Ok(Self { contrasts, provenance })
    }
}

/// The provenance of a file, or which of its entries is wrong.
fn read(entries: Map<String, Value>) -> Result<Provenance> {
    let whole = match serde_json::from_value(Value::Object(entries.clone())) {
        Ok(provenance) => return Ok(provenance),
        Err(error) => error,
    };
    // No entry depends on another, so the wrong one is wrong alone, too.
    for (key, value) in &entries {
        let alone = Map::from_iter([(key.clone(), value.clone())]);
        if let Err(error) = serde_json::from_value::<Provenance>(Value::Object(alone)) {
            return Err(wrong(key, value, &error));
        }
    }
    Err(wrong("provenance", &Value::Object(entries), &whole))
}

fn wrong(key: &str, value: &Value, why: &dyn std::fmt::Display) -> Problem {
    Problem::new(Kind::Input, format!("the network's label says {key} = {value}: {why}"))
        .expected("a label as `rimforge train` or `rimforge import` writes it")
        .advice("take the network file as it was written, or write it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As files of a training run, of an older version and of an import have it.
    const TRAINED: &str = concat!(
        r#"[[{"name":"chimap","unit":"ppb","window":{"high":120.0,"low":-80.0}}],{"classes":["non-rim","rim"],"#,
        r#""data_sha256":"a9","frechet":0.010266166967624446,"images":16,"padding":{"height":64,"side":64,"#,
        r#""width":64},"rim_class":1,"rimforge":"0.1.0","seed":3,"simulated":true,"train_lesions":12,"#,
        r#""train_slices":107,"voxel_mm":[1.0,0.4000000059604645,0.4000000059604645]}]"#,
    );
    const PLAIN: &str = concat!(
        r#"[[{"name":"image0","unit":"grey level","window":{"high":255.0,"low":0.0}}],{"classes":[],"#,
        r#""data_sha256":"a9","images":16,"padding":{"height":64,"side":64,"width":60},"rim_class":null,"#,
        r#""rimforge":"0.1.0","seed":2,"simulated":false,"train_lesions":14,"train_slices":14,"voxel_mm":null}]"#,
    );
    const OLD: &str = concat!(
        r#"[[{"name":"chimap","unit":"ppb","window":{"high":120.0,"low":-80.0}}],{"data_sha256":"b2","#,
        r#""images":100000,"rimforge":"0.1.0","seed":90210,"simulated":true,"train_lesions":277,"train_slices":2327,"#,
        r#""voxel_mm":[1.0,0.4,0.4]}]"#,
    );
    const IMPORTED: &str = concat!(
        r#"[null,{"imported":{"file":"net.pkl","format":"StyleGAN2-ADA pickle","network":"G_ema","sha256":"c4"},"#,
        r#""rimforge":"0.1.0"}]"#,
    );

    fn read(text: &str) -> Result<NetworkLabel> {
        NetworkLabel::from_json(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn labels_of_every_kind_of_file_come_back_byte_for_byte() {
        for text in [TRAINED, PLAIN, OLD, IMPORTED, "[null,{}]"] {
            let label = read(text).unwrap();
            assert_eq!(serde_json::to_string(&label.to_json().unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_not_said_is_not_made_up() {
        let (trained, plain, old) = (read(TRAINED).unwrap(), read(PLAIN).unwrap(), read(OLD).unwrap());
        let said =
            |label: &NetworkLabel| (label.provenance.rim_class, label.provenance.voxel_mm.map(|size| size.is_some()));
        assert_eq!(said(&trained), (Some(Some(1)), Some(true)));
        assert_eq!(said(&plain), (Some(None), Some(false)));
        assert_eq!(said(&old), (None, Some(true)));
        assert_eq!(
            (old.provenance.simulated, old.provenance.padding, old.provenance.classes),
            (Some(true), None, None)
        );
        let imported = read(IMPORTED).unwrap();
        assert_eq!((imported.provenance.simulated, imported.contrasts.len()), (None, 0));
        assert_eq!(imported.provenance.imported.unwrap().file, "net.pkl");
        assert_eq!(NetworkLabel::from_json([Value::Null, Value::Null]).unwrap(), NetworkLabel::default());
    }

    #[test]
    fn a_wrong_entry_is_named_with_what_it_is() {
        for (key, value, expected) in [
            ("simulated", json!("yes"), "a boolean"),
            ("voxel_mm", json!([1.0, 0.4]), "an array of length 3"),
            ("voxel_mm", json!([-1.0, 0.0, 1e300]), "no size of voxels"),
            ("classes", json!("rim"), "a sequence"),
            ("padding", json!({"height": 8, "width": 8}), "missing field `side`"),
            ("images", json!(-1), "u64"),
            ("colour", json!("red"), "unknown field `colour`"),
        ] {
            let provenance = json!({"rimforge": "0.1.0", "seed": 1, key: value});
            let problem = NetworkLabel::from_json([Value::Null, provenance]).unwrap_err();
            assert_eq!(problem.kind(), Kind::Input);
            let text = problem.to_string();
            assert!(text.contains(&format!("{key} = {value}")) && text.contains(expected), "{text}");
        }
        for [low, high] in [[1.0, 1.0], [1.0, -1.0], [-1.0, 1e300]] {
            let window = json!([{"name": "chimap", "unit": "ppb", "window": {"low": low, "high": high}}]);
            let problem = NetworkLabel::from_json([window, Value::Null]).unwrap_err().to_string();
            assert!(problem.contains("a window that is none"), "{problem}");
        }
        let channels = NetworkLabel::from_json([json!(["chimap"]), Value::Null]).unwrap_err().to_string();
        assert!(channels.contains(r#"channels = ["chimap"]"#), "{channels}");
        let provenance = NetworkLabel::from_json([Value::Null, json!(3)]).unwrap_err().to_string();
        assert!(provenance.contains("provenance = 3"), "{provenance}");
    }

    #[test]
    fn a_wide_image_lies_in_the_middle_of_a_power_of_two() {
        assert_eq!((Padding::of(3, 6).side, Padding::of(3, 6).offset()), (8, [2, 1]));
        assert_eq!(Padding::of(48, 65).side, 128);
        assert!(Padding::of(64, 64).is_none());
        assert_eq!(Padding::of(64, 64), Padding::none(64));
    }
}
