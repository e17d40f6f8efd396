//! Maps that no classifier had a hand in: what a map of a classifier must beat before it explains anything.
//!
//! Lesions lie in the middle of their patch and rims are edges, so a map can look right for reasons that have nothing
//! to do with the classifier (Adebayo et al. 2018, arXiv 1810.03292).

use crate::filter::gaussian;

/// Softness of the image whose edges are taken, in pixels.
const EDGE_SOFTNESS: f64 = 1.0;

/// Standard deviation of the bump in the middle, as a share of the image's side.
const MIDDLE_SHARE: f64 = 0.125;

/// Edges of an image \[height, width\]: length of the gradient after smoothing.
pub fn edges(image: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    let soft = gaussian(image, (height, width), EDGE_SOFTNESS);
    let at = |y: usize, x: usize| soft[y.min(height - 1) * width + x.min(width - 1)];
    let length = |place: usize| {
        let (y, x) = (place / width, place % width);
        let dx = at(y, x + 1) - at(y, x.saturating_sub(1));
        let dy = at(y + 1, x) - at(y.saturating_sub(1), x);
        dx.hypot(dy)
    };
    (0..height * width).map(length).collect()
}

/// A bump in the middle of an image.
pub fn middle([height, width]: [usize; 2]) -> Vec<f32> {
    let spread = MIDDLE_SHARE * height.max(width) as f64;
    let value = |place: usize| {
        let y = (place / width) as f64 - (height as f64 - 1.0) / 2.0;
        let x = (place % width) as f64 - (width as f64 - 1.0) / 2.0;
        (-(x * x + y * y) / (2.0 * spread * spread)).exp() as f32
    };
    (0..height * width).map(value).collect()
}

/// A map as a grid of `cells` \[rows, columns\] shows it: means over the cells, each spread over its pixels again by
/// bilinear interpolation. The best that a map on such a grid can show of it. Sides must be multiples of the cells'.
pub fn on_grid(map: &[f32], [height, width]: [usize; 2], [rows, columns]: [usize; 2]) -> Vec<f32> {
    let cell = [height / rows, width / columns];
    let mean = |row: usize, column: usize| {
        let pixels = (0..cell[0] * cell[1]).map(|at| {
            let (y, x) = (row * cell[0] + at / cell[1], column * cell[1] + at % cell[1]);
            map[y * width + x]
        });
        pixels.sum::<f32>() / (cell[0] * cell[1]) as f32
    };
    let means: Vec<f32> = (0..rows * columns).map(|at| mean(at / columns, at % columns)).collect();
    // The middle of a pixel on the grid of cells, the outermost cells going on as they end.
    let place = |at: usize, size: usize, cells: usize| {
        let on = ((at as f32 + 0.5) * cells as f32 / size as f32 - 0.5).clamp(0.0, cells as f32 - 1.0);
        let low = (on.floor() as usize).min(cells - 1);
        (low, (low + 1).min(cells - 1), on - low as f32)
    };
    let value = |pixel: usize| {
        let (top, bottom, down) = place(pixel / width, height, rows);
        let (left, right, over) = place(pixel % width, width, columns);
        let row = |row: usize| means[row * columns + left] * (1.0 - over) + means[row * columns + right] * over;
        row(top) * (1.0 - down) + row(bottom) * down
    };
    (0..height * width).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::maps::enlarged;
    use tch::Tensor;

    #[test]
    fn a_step_has_its_edge_where_it_is_and_the_bump_its_top_in_the_middle() {
        let step: Vec<f32> = (0..64).map(|at| if at % 8 < 4 { 0.0 } else { 1.0 }).collect();
        let found = edges(&step, [8, 8]);
        let row = &found[24..32];
        assert!(row[3] > row[2] && row[4] > row[5] && row[0] < 0.1 * row[3], "{row:?}");
        assert!((row[3] - row[4]).abs() < 1e-6);
        let bump = middle([8, 8]);
        assert_eq!(bump.iter().copied().fold(0.0, f32::max), bump[27]);
        assert_eq!(bump[27], bump[36]);
    }

    #[test]
    fn a_grid_is_enlarged_as_maps_are() {
        let map: Vec<f32> = (0..16 * 16).map(|at| ((at * 37) % 101) as f32).collect();
        let found = on_grid(&map, [16, 16], [4, 4]);
        let pooled = Tensor::from_slice(&map).view([1, 1, 16, 16]).adaptive_avg_pool2d([4, 4]).squeeze_dim(1);
        let expected: Vec<f32> = Vec::try_from(enlarged(&pooled, [16, 16]).reshape([-1])).unwrap();
        for (ours, theirs) in found.iter().zip(&expected) {
            assert!((ours - theirs).abs() < 1e-3, "{ours} {theirs}");
        }
    }
}
