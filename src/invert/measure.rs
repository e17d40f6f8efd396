//! What inversions are worth: each image against its own.

use tch::{Device, Kind, Tensor};

use super::bench::{Bench, widened};
use super::material::Item;
use super::stage::Rows;
use crate::feed::padding;
use crate::metrics::ssim::ssim;
use crate::problem::Result;
use crate::records::Interval;
use crate::records::classes::Split;
use crate::records::invert::InvertedSide;
use crate::records::label::Padding;
use crate::statistics::bootstrap::{ClusterBootstrap, mean};

/// Span of the values that networks draw.
const RANGE: f64 = 2.0;

/// Smallest side that SSIM takes.
const WINDOW: usize = 11;

/// Numbers of one image; those that it does not have are `None`.
#[derive(Clone, Debug)]
pub(super) struct Worth {
    l2: Option<f64>,
    distance: Option<f64>,
    ssim: Option<f64>,
    lesion_l2: Option<f64>,
    w_distance: Option<f64>,
}

/// Compares what is drawn with the images themselves.
///
/// # Errors
/// What the feature net reports.
pub(super) fn worth(bench: &Bench<'_>, rows: &Rows<'_>, border: &Padding) -> Result<Vec<Worth>> {
    let Rows { compared: images, drawn, .. } = *rows;
    let distances = bench.distances(drawn, &images.pixels)?;
    let places = Tensor::from_slice(rows.places).to_device(bench.device());
    let w = rows.inverted().codes.w.index_select(0, &places);
    let w_distances = bench.cloud.distance(&widened(bench.generator, &w).contiguous());
    let plain = |tensor: &Tensor| padding::crop(border, tensor).to_kind(Kind::Double).to_device(Device::Cpu);
    let (wanted, found) = (plain(&images.pixels), plain(drawn));
    let mut all = Vec::new();
    for (at, item) in images.items.iter().enumerate() {
        let values = |tensor: &Tensor| Vec::<f64>::try_from(tensor.get(at as i64).contiguous().flatten(0, -1));
        let (a, b) = (values(&wanted)?, values(&found)?);
        let squares: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).collect();
        all.push(Worth {
            l2: Some(squares.iter().sum::<f64>() / squares.len() as f64),
            distance: distances.get(at).copied(),
            ssim: similarity(&a, &b, border)?,
            lesion_l2: item.mask.as_deref().and_then(|mask| inside(&squares, mask)),
            w_distance: w_distances.get(at).copied(),
        });
    }
    Ok(all)
}

/// Mean SSIM over the channels.
fn similarity(a: &[f64], b: &[f64], &Padding { height, width, .. }: &Padding) -> Result<Option<f64>> {
    if height.min(width) < WINDOW {
        return Ok(None);
    }
    let planes = a.chunks_exact(height * width).zip(b.chunks_exact(height * width));
    let found = planes.map(|(a, b)| ssim(a, b, (height, width), RANGE)).collect::<Result<Vec<f64>>>()?;
    Ok(Some(found.iter().sum::<f64>() / found.len() as f64))
}

/// Mean of \[C, H, W\] where the mask \[H, W\] is set.
fn inside(values: &[f64], mask: &[bool]) -> Option<f64> {
    let planes = values.chunks_exact(mask.len());
    let kept: Vec<f64> =
        planes.flat_map(|plane| plane.iter().zip(mask).filter(|(_, m)| **m).map(|(v, _)| *v)).collect();
    (!kept.is_empty()).then(|| kept.iter().sum::<f64>() / kept.len() as f64)
}

/// Means over the images of one side, and their intervals over groups; `None` where it has none.
pub(super) fn side(bench: &Bench<'_>, items: &[Item], worth: &[Worth], split: Split) -> Option<InvertedSide> {
    let own: Vec<(&Item, &Worth)> = items.iter().zip(worth).filter(|(item, _)| item.split == split).collect();
    if own.is_empty() {
        return None;
    }
    let groups: Vec<&str> = own.iter().map(|(item, _)| item.patient.as_str()).collect();
    let bootstrap = ClusterBootstrap::by_patient(&groups, bench.seed);
    let interval = |of: &(dyn Fn(&Worth) -> Option<f64> + Sync)| -> Option<Interval> {
        let values: Vec<Option<f64>> = own.iter().map(|(_, worth)| of(worth)).collect();
        bootstrap.interval(|copies| {
            let copied =
                values.iter().zip(copies).flat_map(|(value, &times)| std::iter::repeat_n(*value, times as usize));
            mean(copied)
        })
    };
    Some(InvertedSide {
        side: crate::records::spelling::name(&split),
        images: own.len() as u64,
        l2: interval(&|worth| worth.l2),
        distance: interval(&|worth| worth.distance),
        ssim: interval(&|worth| worth.ssim),
        lesion_l2: interval(&|worth| worth.lesion_l2),
        w_distance: interval(&|worth| worth.w_distance),
        inconsistency: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: two channels of two pixels, the second pixel inside.
    #[test]
    fn only_what_is_inside_counts_in_every_channel() {
        assert_eq!(inside(&[1.0, 2.0, 3.0, 6.0], &[false, true]), Some(4.0));
        assert_eq!(inside(&[1.0, 2.0], &[false, false]), None);
    }

    #[test]
    fn images_below_the_window_have_no_similarity() {
        assert_eq!(similarity(&[0.0; 64], &[0.0; 64], &Padding::none(8)).unwrap(), None);
        let image: Vec<f64> = (0..512).map(|at| (at as f64).sin()).collect();
        assert!((similarity(&image, &image, &Padding::none(16)).unwrap().unwrap() - 1.0).abs() < 1e-12);
    }
}
