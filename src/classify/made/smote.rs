//! SMOTE on pixels: a sample is a slice.

use tch::Tensor;

use super::neighbours::{NEIGHBOURS, between, draw, neighbours};
use super::{Workshop, patients};
use crate::classify::material::{Material, Origin, Supply};
use crate::classify::rows::Rows;
use crate::problem::Result;

/// Slices of all lesions of interest as points \[N, pixels\], and the patient of each.
pub(super) fn slices(shop: &Workshop<'_>, rows: &Rows, material: &Material) -> (Tensor, Vec<usize>) {
    let own = material.of_interest();
    let places: Vec<i64> = own.iter().flat_map(|unit| unit.rows.iter().map(|&row| i64::from(row))).collect();
    let lesions = own.iter().flat_map(|unit| unit.rows.iter().map(|_| unit.lesion.unwrap_or_default()));
    let points = rows.training().index_select(0, &Tensor::from_slice(&places).to_device(rows.device()));
    (points, patients(shop.data, lesions))
}

/// As many new slices for each repetition as arms add.
pub(super) fn make(shop: &Workshop<'_>, rows: &mut Rows, material: &Material) -> Result<Supply> {
    let (slices, patients) = slices(shop, rows, material);
    let points = slices.flatten(1, -1);
    let near = neighbours(&points, &patients, NEIGHBOURS)?;
    let one = |repetition| {
        let draws = draw(&near, shop.extra, &mut shop.seed.stream("smote", repetition))?;
        let size: Vec<i64> = [draws.len() as i64].into_iter().chain(slices.size()[1..].to_vec()).collect();
        Ok(rows.of_interest(between(&points, &draws).view(size.as_slice()), Origin::Smote))
    };
    Ok(Supply::Each(shop.each(one)?))
}
