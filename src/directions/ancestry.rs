//! Whether two networks come from one: then their directions agree for that reason alone (StyleAlign, Wu et al. 2021),
//! which proves nothing.
//!
//! The constant noise maps are drawn with the first weights, are never trained, and go from a base network to all that
//! start from it, the program's embedded bases included, of which a label says nothing. Two networks that share one
//! began with the same weights.

use tch::{Kind, Tensor};

use crate::nets::{Generator, Network};
use crate::problem::{Kind as ProblemKind, Problem, Result};

/// Names of the noise maps.
const NOISE: &str = ".noise_const";

/// Maps of fewer values could be equal by chance or design.
const FEWEST: usize = 16;

/// Whether the two began with the same weights.
pub fn is_shared(one: &Generator, other: &Generator) -> bool {
    let others = other.tensors();
    one.tensors().iter().filter(|(name, map)| name.ends_with(NOISE) && map.numel() >= FEWEST).any(|(name, map)| {
        let varies = map.to_kind(Kind::Double).std(true).double_value(&[]) > 0.0;
        varies && others.get(name).is_some_and(|other: &Tensor| other.size() == map.size() && other.equal(map))
    })
}

/// Refuses two networks of which one comes from the other, or both from a third.
///
/// # Errors
/// `Kind::Usage`: why, and what would be a proof.
pub fn refuse_shared(one: &Generator, other: &Generator) -> Result<()> {
    if is_shared(one, other) {
        return Err(Problem::new(
            ProblemKind::Usage,
            "a second network of common ancestry: it began with the same weights",
        )
        .expected("one that was trained from other random weights (train.base = \"none\", another seed)")
        .advice("train it so; that two networks from one base agree proves nothing"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::nets::GeneratorConfig;
    use crate::seed::RunSeed;

    fn generator(seed: u64, c_dim: i64) -> Generator {
        let small =
            GeneratorConfig { z_dim: 4, w_dim: 4, channel_base: 64, channel_max: 8, ..GeneratorConfig::small(16, 1) };
        Generator::new(&GeneratorConfig { c_dim, ..small }, RunSeed(seed), Device::Cpu).unwrap()
    }

    #[test]
    fn a_network_that_was_trained_on_is_known_and_another_is_not() {
        let (base, mut tuned, other) = (generator(1, 0), generator(9, 2), generator(2, 0));
        assert!(!is_shared(&base, &other) && !is_shared(&base, &tuned));
        // As `train` starts from a base: what has a counterpart is copied, and then learns.
        let mut start = tuned.tensors();
        start.extend(base.tensors().into_iter().filter(|(name, _)| !name.starts_with("mapping.")));
        tuned.load(&start).unwrap();
        for (_, parameter) in tuned.parameters() {
            let _ = tch::no_grad(|| parameter.shallow_clone().g_add_scalar_(0.5));
        }
        assert!(is_shared(&base, &tuned) && is_shared(&tuned, &base));
        let said = refuse_shared(&base, &tuned).unwrap_err().to_string();
        assert!(said.contains("common ancestry") && said.contains("train.base"), "{said}");
        assert!(refuse_shared(&base, &other).is_ok());
    }
}
