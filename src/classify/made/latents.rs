//! Images that the generators of the projections draw for controls and between projections: of random latents, of its
//! mean w, of points between the w of projected rims.

use rand::RngExt;
use tch::Tensor;

use super::neighbours::{NEIGHBOURS, between as points_between, draw as draw_between, neighbours};
use super::{Workshop, patients};
use crate::classify::extras::Network;
use crate::classify::material::{Material, Origin, Supply, Unit};
use crate::classify::rows::Rows;
use crate::classify::training_set::Example;
use crate::feed::padding;
use crate::latent::draw::{BATCH, NoiseMode, draw, of_styles};
use crate::problem::{Kind, Problem, Result};

/// What each generator draws.
fn of_each(shop: &Workshop<'_>, draw: impl FnMut((u64, &Network)) -> Supply) -> Result<Supply> {
    let supplies = (0..).zip(&shop.extras.networks).map(draw).collect();
    Supply::of_generators(supplies).ok_or_else(|| Problem::new(Kind::Internal, "no generator was read"))
}

/// For every contested lesion one that has as many slices, each of a random latent.
pub(super) fn random(shop: &Workshop<'_>, rows: &mut Rows, material: &Material) -> Result<Supply> {
    of_each(shop, |(number, network)| {
        let mut rng = shop.seed.stream("random latents", number);
        let one = |contested: &Unit| {
            let seeds: Vec<u32> = contested.rows.iter().map(|_| rng.random()).collect();
            let drawn = seeds.chunks(BATCH).map(|seeds| {
                let class = network.class.as_ref();
                padding::crop(&network.padding, &draw(&network.generator, seeds, class, 1.0, NoiseMode::Random))
            });
            let drawn = Tensor::cat(&drawn.collect::<Vec<_>>(), 0);
            let unit = Unit { origin: Origin::RandomLatent, rows: rows.push(drawn).collect(), lesion: None };
            Example { unit, target: 1.0 }
        };
        Supply::Drawn(material.contested.iter().map(one).collect())
    })
}

/// The image of the mean w, once for every lesion that arms add.
pub(super) fn mean(shop: &Workshop<'_>, rows: &mut Rows) -> Result<Supply> {
    of_each(shop, |(_, network)| {
        let image = draw(&network.generator, &[0], network.class.as_ref(), 0.0, NoiseMode::Const);
        let mean = rows.of_interest(padding::crop(&network.padding, &image), Origin::MeanImage);
        Supply::Ranked(mean.into_iter().cycle().take(shop.extra).collect())
    })
}

/// SMOTE in W: as many images for each repetition as arms add, each of a point between the w of projected rims of two
/// patients, with fresh noise maps; of the first generator, which alone has projections of rims.
pub(super) fn between(shop: &Workshop<'_>, rows: &mut Rows) -> Result<Supply> {
    let (Some(network), Some(latents)) = (shop.extras.networks.first(), &shop.extras.latents) else {
        return Err(Problem::new(Kind::Internal, "no generator or no w was read"));
    };
    let size = [network.generator.config().num_ws(), network.generator.config().w_dim];
    let values: Vec<f32> = latents.iter().flat_map(|(_, w)| w.iter().copied()).collect();
    let points = Tensor::from_slice(&values).view([latents.len() as i64, -1]);
    let groups = patients(shop.data, latents.iter().map(|(lesion, _)| *lesion));
    let near = neighbours(&points, &groups, NEIGHBOURS)?;
    let one = |repetition| {
        let mut rng = shop.seed.stream("latent smote", repetition);
        let draws = draw_between(&near, shop.extra, &mut rng)?;
        let seeds: Vec<u32> = draws.iter().map(|_| rng.random()).collect();
        let ws = points_between(&points, &draws).view([-1, size[0], size[1]]).to_device(network.generator.device());
        let images = padding::crop(&network.padding, &of_styles(&network.generator, &ws, &seeds));
        Ok(rows.of_interest(images, Origin::LatentSmote))
    };
    Ok(Supply::Each(shop.each(one)?))
}
