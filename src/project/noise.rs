//! Noise maps as unknowns: what keeps them noise (Karras et al. 2020, appendix D) and their renormalisation.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

/// Side at which the pyramid of a map ends.
const SMALLEST: i64 = 8;

/// Sum over images, maps and scales of mean(n * n shifted by one column)^2 + mean(n * n shifted by one row)^2, a
/// scalar.
///
/// `maps` are \[N, 1, r, r\]; the scales are 2x2 averages down to a side of 8 (smaller maps count once). Maps that meet
/// at one side are treated together; the sum is that of each image on its own.
pub fn regularisation(maps: &[Tensor]) -> Tensor {
    let mut by_side: BTreeMap<i64, Vec<Tensor>> = BTreeMap::new();
    for map in maps {
        by_side.entry(map.size()[2]).or_default().push(map.shallow_clone());
    }
    let mut terms = Vec::new();
    while let Some((side, maps)) = by_side.pop_last() {
        let stack = Tensor::cat(&maps, 1); // [N, maps, side, side]
        terms.push(autocorrelation(&stack));
        if side > SMALLEST {
            let pooled = stack.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None);
            by_side.entry(side / 2).or_default().push(pooled);
        }
    }
    Tensor::stack(&terms, 0).sum(Kind::Float)
}

/// Scalar: sum over images and maps \[N, M, r, r\] of the squared mean products with the cyclic neighbours.
fn autocorrelation(stack: &Tensor) -> Tensor {
    let neighbour = |axis: i64| {
        let product = stack * stack.roll([1], [axis]);
        product.mean_dim([2i64, 3].as_slice(), false, None).square().sum(Kind::Float)
    };
    neighbour(3) + neighbour(2)
}

/// Zero mean and unit mean square for every image's map \[N, 1, r, r\]; in place.
pub fn renormalise(map: &mut Tensor) {
    let axes = [1i64, 2, 3];
    let mean = map.mean_dim(axes.as_slice(), true, None);
    *map -= mean;
    let scale = map.square().mean_dim(axes.as_slice(), true, None).rsqrt();
    *map *= scale;
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn a_constant_map_counts_two_per_scale() {
        // Every product is 1, its mean 1, its square 1, in two directions; 4 once, 8 once, 32 at 32, 16 and 8.
        for (side, expected) in [(4, 2.0), (8, 2.0), (16, 4.0), (32, 6.0)] {
            let map = Tensor::ones([1, 1, side, side], OPTIONS);
            assert_eq!(regularisation(&[map]).double_value(&[]), expected, "side {side}");
        }
    }

    #[test]
    fn stripes_are_counted_along_and_across() {
        // Columns alternate +1, -1: shifted by a column every product is -1, by a row +1; the 2x2 averages vanish.
        let columns = (Tensor::arange(16, OPTIONS).remainder(2) * 2.0 - 1.0).view([1, 1, 1, 16]);
        let map = columns.expand([1, 1, 16, 16], false).contiguous();
        assert_eq!(regularisation(&[map]).double_value(&[]), 2.0);
    }

    #[test]
    fn several_images_and_maps_are_the_sum_of_each_alone() {
        tch::manual_seed(5);
        let maps: Vec<Tensor> = [4, 8, 8, 16, 32].map(|side| Tensor::randn([3, 1, side, side], OPTIONS)).into();
        let whole = regularisation(&maps).double_value(&[]);
        let mut sum = 0.0;
        for map in &maps {
            for image in 0..3 {
                sum += regularisation(&[map.narrow(0, image, 1)]).double_value(&[]);
            }
        }
        assert!((whole - sum).abs() < 1e-5 * sum, "{whole} against {sum}");
    }

    #[test]
    fn renormalised_maps_have_zero_mean_and_unit_power() {
        let mut map = Tensor::from_slice(&[1.0f32, 3.0, 1.0, 3.0]).view([1, 1, 2, 2]);
        renormalise(&mut map);
        assert_eq!(Vec::<f32>::try_from(map.flatten(0, -1)).unwrap(), [-1.0, 1.0, -1.0, 1.0]);
    }
}
