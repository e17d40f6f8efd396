//! Contested lesions with what `two-sided` says of them.

use super::Workshop;
use crate::classify::extras::TwoSided;
use crate::classify::material::{Material, Origin, Supply, Unit};
use crate::classify::rows::Rows;
use crate::classify::training_set::Example;
use crate::problem::{Kind, Problem, Result};

/// The contested lesions as they are, each with its probability, in their order.
pub(super) fn originals(shop: &Workshop<'_>, material: &Material) -> Result<Supply> {
    let example = |unit: &Unit| Ok(Example { unit: unit.clone(), target: of(shop, unit)?.probability });
    Ok(Supply::Drawn(material.contested.iter().map(example).collect::<Result<_>>()?))
}

/// The projections of the contested lesions as of the class that each fits better, in the lesions' order.
pub(super) fn images(shop: &Workshop<'_>, rows: &mut Rows, material: &Material) -> Result<Supply> {
    let mut example = |unit: &Unit| {
        let found = of(shop, unit)?;
        let unit = rows.projected(&found.better, Origin::BetterSide);
        Ok(Example { unit, target: found.probability })
    };
    Ok(Supply::Drawn(material.contested.iter().map(&mut example).collect::<Result<_>>()?))
}

/// What is known of a contested lesion.
fn of<'a>(shop: &Workshop<'a>, unit: &Unit) -> Result<&'a TwoSided> {
    let mut known = shop.extras.two_sided.iter().flatten();
    known.find(|known| Some(known.better.lesion) == unit.lesion).ok_or_else(|| {
        let id = &shop.data.lesion(unit.lesion.unwrap_or_default()).id;
        Problem::new(Kind::Input, format!("{id} was not projected as of either class"))
            .at(shop.data.root())
            .expected("every contested lesion that other arms take, or their projections (--denoised) of the same ones")
            .advice("project the same lesions both ways and run `rimforge two-sided` again")
    })
}
