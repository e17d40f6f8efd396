//! Pictures of any size to one size: the centred square, averaged over areas.
//!
//! A pixel of the result is the mean of what it covers of the picture, where a pixel counts by the part that is
//! covered. Levels are averaged as they are stored (sRGB), not as light. The sums are of whole numbers and exact, so
//! the result is the same on every machine.

/// The centred square of `planes` (\[channels, height, width\], whole levels up to 65535) as `side` x `side` pixels.
/// Where the borders are of odd width together, the right or lower one is the wider. A square of that size comes back
/// as it is.
pub fn centred_square(planes: &[f32], [height, width]: [usize; 2], side: usize) -> Vec<f32> {
    let square = height.min(width);
    let (top, left) = ((height - square) / 2, (width - square) / 2);
    let averaged = |plane: &[f32]| {
        let row = |y: usize| plane[(top + y) * width + left..][..square].iter().map(|&level| f64::from(level));
        means(|y| row(y).collect(), [square, square], [side, side])
    };
    planes.chunks_exact(height * width).flat_map(averaged).map(|mean| mean as f32).collect()
}

/// Means over the `rows` x `columns` areas of equal size that a picture of `height` x `width` falls into, row by row;
/// `row` gives a row of the picture.
pub fn means(row: impl Fn(usize) -> Vec<f64>, [height, width]: [usize; 2], [rows, columns]: [usize; 2]) -> Vec<f64> {
    let across = spans(columns, width);
    let area = (height * width) as f64;
    let mut means = Vec::with_capacity(rows * columns);
    for down in spans(rows, height) {
        let mut sums = vec![0.0; columns];
        for (y, weight) in down.weights() {
            let levels = row(y);
            let of = |span: &Span| span.weights().map(|(x, weight)| weight * levels[x]).sum::<f64>();
            sums.iter_mut().zip(&across).for_each(|(sum, span)| *sum += weight * of(span));
        }
        means.extend(sums.into_iter().map(|sum| sum / area));
    }
    means
}

/// What a pixel of the result covers along one axis. A pixel of the picture has as many parts as the result has pixels;
/// then each of those covers whole parts, as many as the picture has pixels.
struct Span {
    start: usize,
    end: usize,
    parts: usize,
}

fn spans(count: usize, size: usize) -> Vec<Span> {
    (0..count).map(|at| Span { start: at * size, end: (at + 1) * size, parts: count }).collect()
}

impl Span {
    /// The pixels that are covered, each with the number of its parts that are.
    fn weights(&self) -> impl Iterator<Item = (usize, f64)> {
        let covered = |at: usize| self.end.min((at + 1) * self.parts) - self.start.max(at * self.parts);
        (self.start / self.parts..self.end.div_ceil(self.parts)).map(move |at| (at, covered(at) as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_is_the_mean_of_what_it_covers() {
        // 3 x 3 to 2 x 2: a pixel covers 1.5 x 1.5 pixels, so (1 + 2/2 + 4/2 + 5/4) / 2.25 is the first.
        let nine: Vec<f32> = (1..10).map(|level| level as f32).collect();
        let four = centred_square(&nine, [3, 3], 2);
        assert_eq!(four, [5.25, 8.25, 14.25, 17.25].map(|sum: f32| sum / 2.25));
        assert_eq!(centred_square(&nine, [3, 3], 3), nine);
        assert_eq!(centred_square(&nine, [3, 3], 1), [5.0]);
        let halves: Vec<f32> = (0..16).map(|level| level as f32).collect();
        assert_eq!(centred_square(&halves, [4, 4], 2), [2.5, 4.5, 10.5, 12.5]);
    }

    #[test]
    fn the_square_is_the_middle_of_each_channel() {
        let wide: Vec<f32> = (0..20).map(|level| level as f32).collect();
        // Two channels of 2 x 5: columns 1 and 2 of five.
        assert_eq!(centred_square(&wide, [2, 5], 2), [1.0, 2.0, 6.0, 7.0, 11.0, 12.0, 16.0, 17.0]);
        // One of 5 x 4: rows 0 to 3 of five.
        assert_eq!(centred_square(&wide, [5, 4], 1), [7.5]);
    }

    #[test]
    fn no_weight_is_lost_at_any_size() {
        for (size, count) in [(450, 64), (64, 64), (7, 5), (1000, 3), (65, 64)] {
            let spans = spans(count, size);
            let mut covered = vec![0.0; size];
            spans.iter().flat_map(Span::weights).for_each(|(at, weight)| covered[at] += weight);
            assert!(covered.iter().all(|&parts| parts == count as f64), "{size} {count}");
            assert!(spans.iter().all(|span| span.weights().map(|(_, weight)| weight).sum::<f64>() == size as f64));
        }
    }
}
