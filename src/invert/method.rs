//! How images are inverted: an embedding, and what is done to the generator after it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::shown;
use crate::records::spelling;

/// How an image's code is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Embed {
    /// One w for all layers and the noise maps, by the projector's descent (Karras et al. 2020, appendix D).
    WDescent,
    /// A w for each layer and the noise maps, by the same descent (Abdal et al. 2019).
    WPlusDescent,
    /// By an encoder that was trained for it.
    Encoder,
}

impl Embed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::WDescent, Self::WPlusDescent, Self::Encoder];
}

/// What is done to the generator's weights after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refine {
    /// Nothing.
    None,
    /// Offsets for each image by a hypernetwork that was trained for it (Alaluf et al. 2022).
    Hypernetwork,
    /// Pivotal tuning of a generator for each image (Roich et al. 2022).
    PivotalEach,
    /// Pivotal tuning of one generator on all training images.
    PivotalAll,
}

impl Refine {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Hypernetwork, Self::PivotalEach, Self::PivotalAll];
}

/// Both: "encoder", "encoder+pivotal-all".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Method {
    /// First.
    pub embed: Embed,
    /// Second.
    pub refine: Refine,
}

impl Method {
    /// All that there are.
    pub fn all() -> impl Iterator<Item = Self> {
        let pairs = Embed::ALL.into_iter().flat_map(|embed| Refine::ALL.map(|refine| Self { embed, refine }));
        pairs.filter(|method| method.fault().is_none())
    }

    /// Why it is none.
    pub fn fault(self) -> Option<&'static str> {
        let mends_others = self.refine == Refine::Hypernetwork && self.embed != Embed::Encoder;
        mends_others.then_some("a hypernetwork learns to mend what the encoder misses, and is used behind it alone")
    }

    /// In the names of files: as written, with "-then-" for the plus.
    pub fn stem(self) -> String {
        self.to_string().replace('+', "-then-")
    }

    /// In one sentence.
    pub fn about(self) -> String {
        let first = match self.embed {
            Embed::WDescent => "one w and the noise maps of each image by descent",
            Embed::WPlusDescent => "a w for each layer and the noise maps of each image by descent",
            Embed::Encoder => "a code by an encoder that was trained on drawn and on training images",
        };
        let second = match self.refine {
            Refine::None => "",
            Refine::Hypernetwork => "; offsets of the generator's kernels for each image by a hypernetwork",
            Refine::PivotalEach => "; a generator tuned on each image alone, validation images as well",
            Refine::PivotalAll => "; one generator tuned on all training images",
        };
        format!("{first}{second}")
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spelling::name(&self.embed))?;
        match self.refine {
            Refine::None => Ok(()),
            refine => write!(f, "+{}", spelling::name(&refine)),
        }
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::all().find(|method| method.to_string() == text).ok_or_else(|| {
            let known: Vec<String> = Self::all().map(|method| method.to_string()).collect();
            format!("no method of inversion: {}; expected one of {}", shown(text), known.join(", "))
        })
    }
}

impl TryFrom<String> for Method {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Method> for String {
    fn from(method: Method) -> Self {
        method.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_by_their_names() {
        assert_eq!(Method::all().count(), 10);
        for method in Method::all() {
            assert_eq!(method.to_string().parse::<Method>(), Ok(method));
        }
        let hyper = "encoder+hypernetwork".parse::<Method>().unwrap();
        assert_eq!((hyper.embed, hyper.refine), (Embed::Encoder, Refine::Hypernetwork));
        assert_eq!(hyper.stem(), "encoder-then-hypernetwork");
        assert_eq!("w-plus-descent".parse::<Method>().unwrap().refine, Refine::None);
        let problem = "w-descent+hypernetwork".parse::<Method>().unwrap_err();
        assert!(problem.contains("w-descent+pivotal-each"), "{problem}");
    }
}
