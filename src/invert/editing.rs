//! How codes take edits: along a direction of w, on inverted images as on drawn ones.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use crate::latent::cloud::LatentCloud;
use crate::meters::{Meters, Picture};
use crate::problem::Result;
use crate::records::invert::EditTransfer;

/// A step along a direction of w.
#[derive(Debug)]
pub struct Edit {
    /// In records.
    pub name: String,
    /// Unit vector \[w_dim\].
    pub direction: Tensor,
    /// Layers whose w it moves.
    pub layers: Range<i64>,
    /// Length of the step, in the units of w.
    pub step: f64,
}

impl Edit {
    /// What is added to ws: \[num_ws, w_dim\], 0 in the other layers.
    pub fn shift(&self, num_ws: i64) -> Tensor {
        let shift = Tensor::zeros([num_ws, self.direction.size()[0]], (Kind::Float, self.direction.device()));
        let first = self.layers.start.clamp(0, num_ws);
        let count = self.layers.end.clamp(first, num_ws) - first;
        shift.narrow(0, first, count).copy_(&(&self.direction * self.step).unsqueeze(0));
        shift
    }
}

/// The first `count` principal directions of a cloud, a deviation along each, on all layers; signs such that the
/// largest number is positive.
pub fn principal(cloud: &LatentCloud, count: usize, num_ws: i64) -> Vec<Edit> {
    let samples = cloud.samples().to_device(Device::Cpu).to_kind(Kind::Double);
    let centred = &samples - samples.mean_dim([0i64].as_slice(), true, None::<Kind>);
    let covariance = centred.transpose(0, 1).matmul(&centred) / samples.size()[0] as f64;
    let (variances, directions) = covariance.linalg_eigh("L");
    let w_dim = variances.size()[0];
    let edit = |rank: i64| {
        let at = w_dim - 1 - rank;
        let direction = directions.select(1, at);
        let sign = direction.gather(0, &direction.abs().argmax(0, true), false).sign();
        let step = variances.get(at).double_value(&[]).max(0.0).sqrt();
        let direction = (direction * sign).to_kind(Kind::Float).to_device(cloud.samples().device());
        Edit { name: format!("principal direction {}", rank + 1), direction, layers: 0..num_ws, step }
    };
    (0..w_dim.min(count as i64)).map(edit).collect()
}

/// Factors of images \[N, C, H, W\] in -1..1, one row an image.
///
/// # Errors
/// The copy from the device failed.
pub fn factors(meters: &dyn Meters, images: &Tensor) -> Result<Vec<Vec<f64>>> {
    let (count, channels, height, width) = images.size4()?;
    let shape = [channels, height, width].map(|n| n as usize);
    let images = ((images + 1.0) / 2.0).clamp(0.0, 1.0).to_device(Device::Cpu).contiguous();
    let one = |at: i64| {
        let values = Vec::<f32>::try_from(images.get(at).flatten(0, -1))?;
        Ok(meters.measure(&Picture::new(&values, shape)))
    };
    (0..count).map(one).collect()
}

/// Factors of images before and after an edit, \[images\]\[factors\].
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Before.
    pub before: &'a [Vec<f64>],
    /// The same images after it.
    pub after: &'a [Vec<f64>],
}

impl Change<'_> {
    /// Mean change of each factor, in its deviation `unit`; 0 where it has none.
    fn mean(&self, unit: &[f64]) -> Vec<f64> {
        let count = self.before.len().max(1) as f64;
        let of = |factor: usize| {
            let sum: f64 = self.before.iter().zip(self.after).map(|(b, a)| a[factor] - b[factor]).sum();
            if unit[factor] > 0.0 { sum / count / unit[factor] } else { 0.0 }
        };
        (0..unit.len()).map(of).collect()
    }
}

/// Deviation of each factor over images.
fn deviations(rows: &[Vec<f64>]) -> Vec<f64> {
    let count = rows.len().max(1) as f64;
    let factors = rows.first().map_or(0, Vec::len);
    let of = |factor: usize| {
        let mean = rows.iter().map(|row| row[factor]).sum::<f64>() / count;
        (rows.iter().map(|row| (row[factor] - mean).powi(2)).sum::<f64>() / count).sqrt()
    };
    (0..factors).map(of).collect()
}

/// How much of what an edit does to drawn images it does to inverted ones, of the factor that it moves most on drawn
/// ones; and how much it moves the others beside that one (root mean square), on both. All in deviations of each factor
/// over the drawn images. `None` where nothing moves.
pub fn transfer(edit: &str, names: &[&str], drawn: Change<'_>, inverted: Change<'_>) -> Option<EditTransfer> {
    let unit = deviations(drawn.before);
    let (on_drawn, on_inverted) = (drawn.mean(&unit), inverted.mean(&unit));
    let target = (0..unit.len()).max_by(|&a, &b| on_drawn[a].abs().total_cmp(&on_drawn[b].abs()))?;
    if on_drawn[target] == 0.0 {
        return None;
    }
    let leak = |changes: &[f64]| {
        let others = changes.iter().enumerate().filter(|(factor, _)| *factor != target);
        let (sum, count) = others.fold((0.0, 0.0), |(sum, count), (_, change)| (sum + change * change, count + 1.0));
        let share = (sum / f64::max(count, 1.0)).sqrt() / changes[target].abs();
        share.is_finite().then_some(share)
    };
    Some(EditTransfer {
        edit: edit.to_owned(),
        factor: names.get(target).copied().unwrap_or_default().to_owned(),
        effect: on_drawn[target],
        transfer: on_inverted[target] / on_drawn[target],
        leak_drawn: leak(&on_drawn),
        leak: leak(&on_inverted),
    })
}

/// Share that is cut off at each end of a mean.
const TRIMMED: f64 = 0.01;

/// Mean without the lowest and highest hundredth (Tov et al. 2021, LEC); all count where there are fewer than a
/// hundred.
pub fn trimmed_mean(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let cut = (values.len() as f64 * TRIMMED) as usize;
    let kept = values.get(cut..values.len() - cut)?;
    (!kept.is_empty()).then(|| kept.iter().sum::<f64>() / kept.len() as f64)
}

/// Latent consistency of each image: length over all layers of ws \[N, num_ws, w_dim\] less what the edited image's
/// codes `again` come to without the `shift` \[num_ws, w_dim\] (Tov et al. 2021, e4e, section 4.3).
///
/// # Errors
/// The copy from the device failed.
pub fn inconsistency(ws: &Tensor, again: &Tensor, shift: &Tensor) -> Result<Vec<f64>> {
    let apart = ws - (again - shift);
    let length = apart.square().sum_dim_intlist([1i64, 2].as_slice(), false, Kind::Double).sqrt();
    Ok(Vec::<f64>::try_from(length.to_device(Device::Cpu))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn an_edit_moves_its_own_layers_alone() {
        let direction = Tensor::from_slice(&[0.6_f32, 0.8]);
        let edit = Edit { name: "x".into(), direction, layers: 1..3, step: 2.0 };
        let shift = edit.shift(4);
        let values = Vec::<f32>::try_from(shift.flatten(0, -1)).unwrap();
        assert_eq!(values, [0.0, 0.0, 1.2, 1.6, 1.2, 1.6, 0.0, 0.0]);
        assert_eq!(Edit { layers: 3..9, ..edit }.shift(4).count_nonzero(None).int64_value(&[]), 2);
    }

    /// By hand: the factor moves by 2 on drawn images (deviation 1), by 1 on inverted ones: half of it; the other by .5
    /// (deviation 2, so .25) on inverted ones: a quarter of the factor's 1.
    #[test]
    fn half_of_an_edit_arrives() {
        let rows = |rows: &[[f64; 2]]| -> Vec<Vec<f64>> { rows.iter().map(|row| row.to_vec()).collect() };
        let (drawn, drawn_after) = (rows(&[[0.0, 0.0], [2.0, 4.0]]), rows(&[[2.0, 0.0], [4.0, 4.0]]));
        let (real, real_after) = (rows(&[[5.0, 1.0]]), rows(&[[6.0, 1.5]]));
        let drawn = Change { before: &drawn, after: &drawn_after };
        let found = transfer("e", &["a", "b"], drawn, Change { before: &real, after: &real_after }).unwrap();
        assert_eq!((found.factor.as_str(), found.effect, found.transfer), ("a", 2.0, 0.5));
        assert_eq!((found.leak_drawn, found.leak), (Some(0.0), Some(0.25)));
        let still = Change { before: &real, after: &real };
        assert!(transfer("e", &["a", "b"], still, still).is_none());
    }

    /// Codes that come back moved by the step and by (3, 4) more in one layer are 5 off.
    #[test]
    fn a_code_that_comes_back_is_consistent() {
        let ws = Tensor::zeros([1, 2, 2], FLOAT);
        let shift = Tensor::ones([2, 2], FLOAT);
        let again = &ws + &shift;
        assert_eq!(inconsistency(&ws, &again, &shift).unwrap(), [0.0]);
        let off = &again + Tensor::from_slice(&[3.0_f32, 4.0, 0.0, 0.0]).view([1, 2, 2]);
        assert_eq!(inconsistency(&ws, &off, &shift).unwrap(), [5.0]);
        assert_eq!(trimmed_mean((0..100).map(f64::from).collect()), Some(49.5));
        assert_eq!(trimmed_mean(vec![1.0, 3.0]), Some(2.0));
        assert_eq!(trimmed_mean(vec![]), None);
    }

    /// A cloud along (1, 1): its first direction, with the larger number positive.
    #[test]
    fn the_first_direction_is_where_the_cloud_is_widest() {
        let samples = Tensor::from_slice(&[2.0_f32, 2.0, -2.0, -2.0, 0.1, -0.1, -0.1, 0.1]).view([4, 2]);
        let edits = principal(&LatentCloud::new(samples), 5, 3);
        assert_eq!(edits.len(), 2);
        let first = Vec::<f32>::try_from(&edits[0].direction).unwrap();
        assert!(first.iter().all(|value| (value - 0.5_f32.sqrt()).abs() < 1e-5), "{first:?}");
        assert!((edits[0].step - 2.0).abs() < 1e-6 && edits[0].layers == (0..3));
    }
}
