//! Which tensors of a file are CLIP's image encoder, by the names that OpenAI and those after it, or the package
//! transformers, give them; its sizes follow from their shapes.

use std::collections::{BTreeMap, BTreeSet};

use super::super::recognise::Found;
use crate::name::shown;
use crate::problem::{Kind, Problem, Result};

/// Width of one head of attention in OpenAI's encoders (Radford et al. 2021, table 19) and in others of their widths.
const HEAD: i64 = 64;

/// Widest encoder whose heads are of that width.
const WIDEST: i64 = 1024;

/// The one wider encoder that is known, ViT-H, and its heads.
const HUGE: (i64, i64) = (1280, 16);

/// Pixels of an image's side, at most.
const LARGEST_SIDE: i64 = 4096;

/// Patches each way, at most: attention takes the square of their number. CLIP has 7 to 24.
const LARGEST_GRID: i64 = 48;

/// Pixels of a patch's side, at most.
const LARGEST_PATCH: i64 = 256;

/// Sizes of a vision transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Numbers a token.
    pub width: i64,
    /// Pixels of a patch's side.
    pub patch: i64,
    /// Patches of an image's side.
    pub grid: i64,
    /// Blocks.
    pub layers: i64,
    /// Numbers of an embedding.
    pub out: i64,
}

impl Size {
    /// ViT-L/14 for images of 336 pixels, with which CMMD is defined.
    pub const LARGE_336: Self = Self { width: 1024, patch: 14, grid: 24, layers: 24, out: 768 };

    /// Heads of attention, which no tensor tells; `None` of a width that no known encoder has.
    fn known_heads(self) -> Option<i64> {
        if self.width == HUGE.0 {
            return Some(HUGE.1);
        }
        (self.width % HEAD == 0 && (HEAD..=WIDEST).contains(&self.width)).then_some(self.width / HEAD)
    }

    /// Heads of attention.
    pub fn heads(self) -> i64 {
        self.known_heads().unwrap_or(1)
    }

    /// Pixels of an image's side.
    pub fn side(self) -> i64 {
        self.patch.saturating_mul(self.grid)
    }

    /// As records call it.
    pub fn title(self) -> String {
        let kind = match (self.width, self.layers) {
            (768, 12) => "B".to_owned(),
            (1024, 24) => "L".to_owned(),
            (1280, 32) => "H".to_owned(),
            (width, layers) => format!("{width}x{layers}"),
        };
        format!("CLIP ViT-{kind}/{} of {} px", self.patch, self.side())
    }
}

/// How the tensors are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Queries, keys and values in one tensor; the projection is \[width, out\].
    OpenAi,
    /// One tensor each; the projection is \[out, width\].
    Transformers,
}

/// What a form calls the parts: of most a weight and a bias.
pub(super) struct Words {
    pub patches: &'static str,
    pub class: &'static str,
    pub positions: &'static str,
    pub before: &'static str,
    pub after: &'static str,
    pub projection: &'static str,
    blocks: &'static str,
    pub first: &'static str,
    pub out_proj: &'static str,
    pub second: &'static str,
    pub up: &'static str,
    pub down: &'static str,
}

impl Words {
    /// Name of a block's part.
    pub fn of_block(&self, at: i64, part: &str) -> String {
        format!("{}.{at}.{part}", self.blocks)
    }
}

const OPEN_AI: Words = Words {
    patches: "conv1.weight",
    class: "class_embedding",
    positions: "positional_embedding",
    before: "ln_pre",
    after: "ln_post",
    projection: "proj",
    blocks: "transformer.resblocks",
    first: "ln_1",
    out_proj: "attn.out_proj",
    second: "ln_2",
    up: "mlp.c_fc",
    down: "mlp.c_proj",
};

const TRANSFORMERS: Words = Words {
    patches: "embeddings.patch_embedding.weight",
    class: "embeddings.class_embedding",
    positions: "embeddings.position_embedding.weight",
    // So spelt there.
    before: "pre_layrnorm",
    after: "post_layernorm",
    // It lies beside the encoder.
    projection: "visual_projection.weight",
    blocks: "encoder.layers",
    first: "layer_norm1",
    out_proj: "self_attn.out_proj",
    second: "layer_norm2",
    up: "mlp.fc1",
    down: "mlp.fc2",
};

impl Form {
    /// Its names.
    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::OpenAi => &OPEN_AI,
            Self::Transformers => &TRANSFORMERS,
        }
    }
}

/// An image encoder in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoder {
    /// Its sizes.
    pub size: Size,
    /// How its tensors are called.
    pub form: Form,
    /// The file's name of each tensor, by the form's own.
    pub names: BTreeMap<String, String>,
}

/// The image encoder among the tensors that were `found`.
///
/// # Errors
/// None, or one of which a tensor is missing or has another shape: which.
pub fn recognise(found: &Found) -> Result<Encoder> {
    let shapes: BTreeMap<&str, &[i64]> = found.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    let (form, beginning, patches) = begun(found).ok_or_else(|| {
        Problem::new(Kind::Input, format!("{} tensors, none of which are CLIP's patches of an image", found.len()))
            .expected(
                "the weights of CLIP's image encoder, by OpenAI's names (visual.conv1.weight, ..) or those of \
                       transformers (vision_model.embeddings.patch_embedding.weight, ..)",
            )
            .advice("CMMD is defined with ViT-L/14 of 336 px: ViT-L-14-336px.pt of OpenAI's CLIP")
    })?;
    let words = form.words();
    let first = |at: i64| format!("{beginning}{}.weight", words.of_block(at, words.first));
    let is_layer = |at: i64| shapes.contains_key(first(at).as_str());
    let missing = |name: &str| {
        Problem::new(Kind::Input, format!("CLIP's image encoder without {name}"))
            .expected("the whole encoder, with the places of its patches and the projection into embeddings")
            .advice("save the whole model's state_dict (of transformers CLIPModel or CLIPVisionModelWithProjection)")
    };
    let places = format!("{beginning}{}", words.positions);
    let tokens = shapes.get(places.as_str()).and_then(|shape| shape.first()).copied();
    let tokens = tokens.ok_or_else(|| missing(&places))?;
    let projecting = projection(form, &beginning);
    let projection = shapes.get(projecting.as_str()).copied().ok_or_else(|| missing(&projecting))?;
    let size = Size {
        width: patches[0],
        patch: patches[2],
        grid: (tokens.saturating_sub(1).max(0) as f64).sqrt() as i64,
        layers: (0..found.len() as i64).take_while(|&at| is_layer(at)).count() as i64,
        out: match (form, projection) {
            (Form::OpenAi, &[_, out]) | (Form::Transformers, &[out, _]) => out,
            _ => 0,
        },
    };
    let wrong = |what: String| {
        Problem::new(Kind::Input, format!("CLIP's image encoder, of which {what}")).expected(
            "a vision transformer with a class token and square images, of a width of 64 to 1024 or 1280 and \
                 at most 48 patches each way",
        )
    };
    let fits = size.known_heads().is_some() && size.patch <= LARGEST_PATCH && size.side() <= LARGEST_SIDE;
    let fits = fits && size.grid <= LARGEST_GRID;
    if !fits || size.grid.saturating_mul(size.grid).saturating_add(1) != tokens || size.layers == 0 {
        return Err(wrong(format!("{tokens} places, {} blocks and a width of {} were found", size.layers, size.width)));
    }
    let mut names = BTreeMap::new();
    for (own, shape) in expected(form, size) {
        let name = if own == words.projection { projecting.clone() } else { format!("{beginning}{own}") };
        match shapes.get(name.as_str()) {
            Some(found) if *found == shape.as_slice() => names.insert(own, name),
            Some(found) => return Err(wrong(format!("{name} has shape {found:?}, not {shape:?}"))),
            None => return Err(wrong(format!("{name} {shape:?} is missing"))),
        };
    }
    // Others are layers that this program does not compute: without them embeddings would be others.
    let known: BTreeSet<&String> = names.values().collect();
    let strange = |name: &&String| !name.ends_with("position_ids") && !known.contains(name);
    let own = found.iter().map(|(name, _)| name).filter(|name| !beginning.is_empty() && name.starts_with(&beginning));
    match own.into_iter().find(strange) {
        Some(strange) => Err(wrong(format!("{} is no part that is known", shown(strange)))),
        None => Ok(Encoder { size, form, names }),
    }
}

/// The form, what all names begin with, and the shape of the kernel that patches are seen with.
fn begun(found: &Found) -> Option<(Form, String, &[i64])> {
    [Form::OpenAi, Form::Transformers].into_iter().find_map(|form| {
        let words = form.words();
        let begins = |name: &str| {
            let beginning = name.strip_suffix(words.patches)?;
            let class = format!("{beginning}{}", words.class);
            found.iter().any(|(other, _)| *other == class).then(|| beginning.to_owned())
        };
        found.iter().find_map(|(name, shape)| match shape[..] {
            [_, 3, height, width] if height == width && height > 0 => Some((form, begins(name)?, &shape[..])),
            _ => None,
        })
    })
}

fn projection(form: Form, beginning: &str) -> String {
    let before = match form {
        Form::OpenAi => beginning,
        Form::Transformers => beginning.strip_suffix("vision_model.").unwrap_or(beginning),
    };
    format!("{before}{}", form.words().projection)
}

/// Names and shapes of all tensors.
pub fn expected(form: Form, size: Size) -> Vec<(String, Vec<i64>)> {
    let Size { width, patch, grid, layers, out } = size;
    let words = form.words();
    let mut all: Vec<(String, Vec<i64>)> = vec![
        (words.patches.into(), vec![width, 3, patch, patch]),
        (words.class.into(), vec![width]),
        (words.positions.into(), vec![grid * grid + 1, width]),
        (words.projection.into(), if form == Form::OpenAi { vec![width, out] } else { vec![out, width] }),
    ];
    let mut both = |[weight, bias]: [String; 2], shape: Vec<i64>| {
        all.push((bias, vec![shape[0]]));
        all.push((weight, shape));
    };
    let usual = |name: &str| ["weight", "bias"].map(|end| format!("{name}.{end}"));
    for at in 0..layers {
        let of = |part: &str| words.of_block(at, part);
        both(usual(&of(words.first)), vec![width]);
        match form {
            // The one pair that is not called .weight and .bias.
            Form::OpenAi => {
                both(["weight", "bias"].map(|end| of(&format!("attn.in_proj_{end}"))), vec![3 * width, width]);
            }
            Form::Transformers => {
                for part in ["q", "k", "v"] {
                    both(usual(&of(&format!("self_attn.{part}_proj"))), vec![width, width]);
                }
            }
        }
        both(usual(&of(words.out_proj)), vec![width, width]);
        both(usual(&of(words.second)), vec![width]);
        both(usual(&of(words.up)), vec![4 * width, width]);
        both(usual(&of(words.down)), vec![width, 4 * width]);
    }
    both(usual(words.before), vec![width]);
    both(usual(words.after), vec![width]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Size = Size { width: 128, patch: 4, grid: 4, layers: 2, out: 24 };

    /// As a file has it, with the other encoder beside it.
    fn file(form: Form) -> Vec<(String, Vec<i64>)> {
        let beginning = if form == Form::OpenAi { "visual." } else { "vision_model." };
        let mut all: Vec<_> = expected(form, SMALL)
            .into_iter()
            .map(|(name, shape)| {
                (if name == TRANSFORMERS.projection { name } else { format!("{beginning}{name}") }, shape)
            })
            .collect();
        all.push(("positional_embedding".into(), vec![77, 768]));
        all.push(("transformer.resblocks.0.ln_1.weight".into(), vec![768]));
        all
    }

    #[test]
    fn encoders_are_known_by_either_names() {
        for form in [Form::OpenAi, Form::Transformers] {
            let known = recognise(&file(form)).unwrap();
            assert_eq!((known.size, known.form), (SMALL, form));
            assert_eq!(known.names.len(), expected(form, SMALL).len());
        }
        assert_eq!(SMALL.title(), "CLIP ViT-128x2/4 of 16 px");
        assert_eq!(Size::LARGE_336.title(), "CLIP ViT-L/14 of 336 px");
        assert_eq!(Size::LARGE_336.heads(), 16);
    }

    #[test]
    fn what_is_not_computed_is_refused() {
        let with = |name: &str, shape: Vec<i64>| [file(Form::OpenAi), vec![(name.to_owned(), shape)]].concat();
        let refused = |found: &Found| recognise(found).unwrap_err().to_string();
        assert!(
            refused(&with("visual.transformer.resblocks.0.ls_1.gamma", vec![128])).contains("ls_1.gamma is no part")
        );
        assert!(recognise(&with("visual.embeddings.position_ids", vec![1, 17])).is_ok());
        let heads = |width| Size { width, ..SMALL }.known_heads();
        assert_eq!(
            [768, 1024, 1280, 1408, 1664, 100, 0].map(heads),
            [Some(12), Some(16), Some(16), None, None, None, None]
        );
        // Shapes are the file's word.
        for shape in [vec![], vec![i64::MAX, 128], vec![0, 128]] {
            let mut odd = file(Form::OpenAi);
            odd.iter_mut().find(|(name, _)| name == "visual.positional_embedding").unwrap().1 = shape;
            refused(&odd);
        }
        for kernel in [vec![i64::MAX, 3, 4, 4], vec![128, 3, i64::MAX, i64::MAX], vec![64, 3, 4, 4]] {
            let mut odd = file(Form::OpenAi);
            odd.iter_mut().find(|(name, _)| name == "visual.conv1.weight").unwrap().1 = kernel;
            refused(&odd);
        }
    }

    #[test]
    fn what_is_missing_or_none_is_told() {
        let mut lacks = file(Form::OpenAi);
        lacks.retain(|(name, _)| name != "visual.transformer.resblocks.1.mlp.c_fc.bias");
        assert!(recognise(&lacks).unwrap_err().to_string().contains("resblocks.1.mlp.c_fc.bias [512] is missing"));
        let mut other = file(Form::Transformers);
        let place = other.iter().position(|(name, _)| name.ends_with("position_embedding.weight")).unwrap();
        other[place].1[0] = 16;
        assert!(recognise(&other).unwrap_err().to_string().contains("16 places"));
        other[place].1[0] = 200 * 200 + 1;
        assert!(recognise(&other).unwrap_err().to_string().contains("40001 places"));
        other.retain(|(name, _)| name != TRANSFORMERS.projection);
        let said = recognise(&other).unwrap_err().to_string();
        assert!(said.contains("without visual_projection.weight") && said.contains("WithProjection"), "{said}");
        for none in [vec![], vec![("features.0.weight".to_owned(), vec![64, 3, 3, 3])]] {
            assert!(recognise(&none).unwrap_err().to_string().contains("ViT-L-14-336px.pt"));
        }
    }
}
