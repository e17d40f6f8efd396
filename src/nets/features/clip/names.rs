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
    let is_layer = |at: i64| shapes.contains_key(format!("{beginning}{}", block(form, at, 0).0).as_str());
    let missing = |name: &str| {
        Problem::new(Kind::Input, format!("CLIP's image encoder without {name}"))
            .expected("the whole encoder, with the places of its patches and the projection into embeddings")
            .advice("save the whole model's state_dict (of transformers CLIPModel or CLIPVisionModelWithProjection)")
    };
    let places = format!("{beginning}{}", positions(form));
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
        Problem::new(Kind::Input, format!("CLIP's image encoder, of which {what}"))
            .expected("a vision transformer with a class token and square images, of a width of 64 to 1024 or 1280")
    };
    let fits = size.known_heads().is_some() && size.patch <= LARGEST_PATCH && size.side() <= LARGEST_SIDE;
    if !fits || size.grid.saturating_mul(size.grid).saturating_add(1) != tokens || size.layers == 0 {
        return Err(wrong(format!("{tokens} places, {} blocks and a width of {} were found", size.layers, size.width)));
    }
    let mut names = BTreeMap::new();
    for (own, shape) in expected(form, size) {
        let name =
            if own == PROJECTION || own == OUTER_PROJECTION { projecting.clone() } else { format!("{beginning}{own}") };
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

/// OpenAI's, and that of transformers, which lies beside the encoder.
const PROJECTION: &str = "proj";
const OUTER_PROJECTION: &str = "visual_projection.weight";

/// The form, what all names begin with, and the shape of the kernel that patches are seen with.
fn begun(found: &Found) -> Option<(Form, String, &[i64])> {
    let forms = [(Form::OpenAi, "conv1.weight"), (Form::Transformers, "embeddings.patch_embedding.weight")];
    forms.into_iter().find_map(|(form, first)| {
        let begins = |name: &str, class: &str| {
            let beginning = name.strip_suffix(first)?;
            let class = format!("{beginning}{class}");
            found.iter().any(|(other, _)| *other == class).then(|| beginning.to_owned())
        };
        let class = match form {
            Form::OpenAi => "class_embedding",
            Form::Transformers => "embeddings.class_embedding",
        };
        found.iter().find_map(|(name, shape)| match shape[..] {
            [_, 3, height, width] if height == width && height > 0 => Some((form, begins(name, class)?, &shape[..])),
            _ => None,
        })
    })
}

fn positions(form: Form) -> &'static str {
    match form {
        Form::OpenAi => "positional_embedding",
        Form::Transformers => "embeddings.position_embedding.weight",
    }
}

fn projection(form: Form, beginning: &str) -> String {
    match form {
        Form::OpenAi => format!("{beginning}{PROJECTION}"),
        Form::Transformers => {
            format!("{}{OUTER_PROJECTION}", beginning.strip_suffix("vision_model.").unwrap_or(beginning))
        }
    }
}

/// First normalisation of a block, of `width` numbers.
fn block(form: Form, at: i64, width: i64) -> (String, Vec<i64>) {
    match form {
        Form::OpenAi => (format!("transformer.resblocks.{at}.ln_1.weight"), vec![width]),
        Form::Transformers => (format!("encoder.layers.{at}.layer_norm1.weight"), vec![width]),
    }
}

/// Names and shapes of all tensors.
pub fn expected(form: Form, size: Size) -> Vec<(String, Vec<i64>)> {
    let Size { width, patch, grid, layers, out } = size;
    let mut all: Vec<(String, Vec<i64>)> = Vec::new();
    let (patches, tokens) = (vec![width, 3, patch, patch], vec![grid * grid + 1, width]);
    let mut both = |name: &str, shape: Vec<i64>| {
        all.push((format!("{name}.weight"), shape.clone()));
        all.push((format!("{name}.bias"), vec![shape[0]]));
    };
    match form {
        Form::OpenAi => {
            for at in 0..layers {
                let of = |name: &str| format!("transformer.resblocks.{at}.{name}");
                both(&of("ln_1"), vec![width]);
                both(&of("attn.in_proj"), vec![3 * width, width]);
                both(&of("attn.out_proj"), vec![width, width]);
                both(&of("ln_2"), vec![width]);
                both(&of("mlp.c_fc"), vec![4 * width, width]);
                both(&of("mlp.c_proj"), vec![width, 4 * width]);
            }
            both("ln_pre", vec![width]);
            both("ln_post", vec![width]);
            // The one tensor pair that is not called .weight and .bias.
            all.iter_mut().for_each(|(name, _)| {
                *name = name.replace("in_proj.weight", "in_proj_weight").replace("in_proj.bias", "in_proj_bias");
            });
            all.push(("conv1.weight".into(), patches));
            all.push(("class_embedding".into(), vec![width]));
            all.push((positions(form).into(), tokens));
            all.push((PROJECTION.into(), vec![width, out]));
        }
        Form::Transformers => {
            for at in 0..layers {
                let of = |name: &str| format!("encoder.layers.{at}.{name}");
                both(&of("layer_norm1"), vec![width]);
                ["q_proj", "k_proj", "v_proj", "out_proj"]
                    .iter()
                    .for_each(|part| both(&of(&format!("self_attn.{part}")), vec![width, width]));
                both(&of("layer_norm2"), vec![width]);
                both(&of("mlp.fc1"), vec![4 * width, width]);
                both(&of("mlp.fc2"), vec![width, 4 * width]);
            }
            // So spelt there.
            both("pre_layrnorm", vec![width]);
            both("post_layernorm", vec![width]);
            all.push(("embeddings.patch_embedding.weight".into(), patches));
            all.push(("embeddings.class_embedding".into(), vec![width]));
            all.push((positions(form).into(), tokens));
            all.push((OUTER_PROJECTION.into(), vec![out, width]));
        }
    }
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
            .map(|(name, shape)| (if name == OUTER_PROJECTION { name } else { format!("{beginning}{name}") }, shape))
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
        other.retain(|(name, _)| name != OUTER_PROJECTION);
        let said = recognise(&other).unwrap_err().to_string();
        assert!(said.contains("without visual_projection.weight") && said.contains("WithProjection"), "{said}");
        for none in [vec![], vec![("features.0.weight".to_owned(), vec![64, 3, 3, 3])]] {
            assert!(recognise(&none).unwrap_err().to_string().contains("ViT-L-14-336px.pt"));
        }
    }
}
