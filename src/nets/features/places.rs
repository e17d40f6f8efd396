//! Where in an image the features of a net lie, so that some places can count more than others.

use tch::{Kind, Tensor};

/// A run of features that share one grid of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Rows and columns of the grid; 1 x 1 for features of the whole image.
    pub grid: [i64; 2],
    /// Features at each position.
    pub values: i64,
    /// Whether the features of a position lie side by side \[H, W, values\]; else its grids follow each other
    /// \[values, H, W\].
    pub beside: bool,
}

impl Places {
    /// Of a layer \[N, C, H, W\] as [`unit_features`](crate::engine::fused::unit_features) lays it out.
    pub fn beside(layer: &Tensor) -> Self {
        let size = layer.size();
        Self { grid: [size[2], size[3]], values: size[1], beside: true }
    }

    /// `count` features that lie nowhere.
    pub fn nowhere(count: i64) -> Self {
        Self { grid: [1, 1], values: count, beside: true }
    }
}

/// What features are multiplied by so that their squared distance weighs each position by `map` \[N, 1, H, W\]: \[N,
/// F\], F the features of all `places` in order.
///
/// The map is averaged over each position's share of the image and divided by its mean over the grid: a layer counts
/// as much as before, and a map of equal values changes nothing. The factors are roots, as the distance squares them.
pub fn factors(map: &Tensor, places: &[Places]) -> Tensor {
    let of_layer = |&Places { grid, values, beside }: &Places| {
        let pooled = map.to_kind(Kind::Float).adaptive_avg_pool2d(grid);
        let root = (&pooled / pooled.mean_dim([2i64, 3].as_slice(), true, None)).sqrt().flatten(1, -1);
        let spread = if beside { root.unsqueeze(2) } else { root.unsqueeze(1) };
        let shape = if beside { [-1, -1, values] } else { [-1, values, -1] };
        spread.expand(shape, false).flatten(1, -1)
    };
    Tensor::cat(&places.iter().map(of_layer).collect::<Vec<_>>(), 1)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap()
    }

    /// By hand: of 2 x 2 pixels the first counts 13, the others 1: mean 4, roots of 13/4 and 1/4. Pooled to 1 x 1 there
    /// is nothing to weigh.
    #[test]
    fn factors_are_roots_of_shares_in_either_order() {
        let map = Tensor::from_slice(&[13.0f32, 1.0, 1.0, 1.0]).view([1, 1, 2, 2]);
        let (high, low) = (3.25f32.sqrt(), 0.5);
        let fine = Places { grid: [2, 2], values: 2, beside: true };
        assert_eq!(values(&factors(&map, &[fine])), [high, high, low, low, low, low, low, low]);
        let apart = Places { beside: false, ..fine };
        assert_eq!(values(&factors(&map, &[apart])), [high, low, low, low, high, low, low, low]);
        assert_eq!(values(&factors(&map, &[Places::nowhere(3)])), [1.0; 3]);
        let even = Tensor::full([2, 1, 4, 4], 0.25, (Kind::Float, Device::Cpu));
        assert_eq!(values(&factors(&even, &[fine, apart])), [1.0; 32]);
    }
}
