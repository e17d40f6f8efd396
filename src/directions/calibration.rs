//! The gate's yardstick: what the distance says of training images of one lesion, and of other lesions of the class.

use tch::{Kind, Tensor};

use super::config::DirectionsConfig;
use super::gate;
use super::opened::Opened;
use super::pairs::{self, Pair};
use crate::data::TrainSlices;
use crate::engine::Lab;
use crate::feed::padding;
use crate::nets::features::FeatureNet;
use crate::problem::Result;
use crate::records::directions::Calibration;

/// Pairs that are read at a time.
const TOGETHER: usize = 32;

/// From pairs of training images; `None` where there are too few.
///
/// # Errors
/// A patch that cannot be read; what the feature net refuses.
pub(super) fn of(
    slices: &TrainSlices,
    opened: &Opened,
    net: &dyn FeatureNet,
    config: &DirectionsConfig,
    lab: &Lab<'_>,
) -> Result<Option<Calibration>> {
    let measured = |pairs: &[Pair]| -> Result<Vec<f64>> {
        let mut found = Vec::new();
        for part in pairs.chunks(TOGETHER) {
            let side = |which: usize| -> Result<Tensor> {
                let positions: Vec<usize> = part.iter().map(|pair| pair[which]).collect();
                Ok(padding::pad(&opened.source.padding, &images(slices, &positions)?.to_device(lab.engine.device)))
            };
            found.extend(gate::distances(net, &side(0)?, &side(1)?)?);
        }
        Ok(found)
    };
    let [same, other] = pairs::choose(slices, config.pairs as usize, lab.seed);
    Ok(gate::calibrate(&measured(&same)?, &measured(&other)?, config.quantile))
}

/// Images \[N, C, H, W\] of positions.
fn images(slices: &TrainSlices, positions: &[usize]) -> Result<Tensor> {
    let [channels, height, width] = slices.prepared().image_shape().map(|side| side as i64);
    let one = |&position: &usize| Ok(Tensor::from_slice(&slices.image(position)?.pixels));
    let all = positions.iter().map(one).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::stack(&all, 0).to_kind(Kind::Float).view([-1, channels, height, width]))
}
