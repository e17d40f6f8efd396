//! The centreline of a flat mask: what is left of it one pixel wide.

/// Thins a mask `[height, width]` by Guo and Hall (1989, Commun ACM 32:359, algorithm A1 with the conditions of Lam et
/// al. 1992, IEEE TPAMI 14:869): borders are taken off, from one side and then from the other, as long as that neither
/// breaks a line nor shortens its end. Beyond the edge of the image nothing is. Agrees pixel by pixel with
/// scikit-image's `thin`.
///
/// # Panics
/// A mask of another size.
pub fn skeleton(mask: &[bool], [height, width]: [usize; 2]) -> Vec<bool> {
    assert_eq!(mask.len(), height * width, "a mask of this size");
    // A frame of nothing saves asking for the edge.
    let stride = width + 2;
    let mut on = vec![false; stride * (height + 2)];
    for (row, values) in mask.chunks_exact(width).enumerate() {
        on[(row + 1) * stride + 1..][..width].copy_from_slice(values);
    }
    loop {
        let mut changed = false;
        for first in [true, false] {
            let gone: Vec<usize> = (0..on.len()).filter(|&at| on[at] && is_border(&on, at, stride, first)).collect();
            changed |= !gone.is_empty();
            gone.into_iter().for_each(|at| on[at] = false);
        }
        if !changed {
            break;
        }
    }
    (0..height * width).map(|at| on[(at / width + 1) * stride + at % width + 1]).collect()
}

/// Whether a pixel is taken off in the first or in the second half of a round: G1, G2, and G3 or G3'.
fn is_border(on: &[bool], at: usize, stride: usize, first: bool) -> bool {
    // x1..x8 of the paper: from the east counter-clockwise.
    let ring =
        [at + 1, at - stride + 1, at - stride, at - stride - 1, at - 1, at + stride - 1, at + stride, at + stride + 1]
            .map(|place| on[place]);
    let next = |k: usize| ring[(k + 1) % 8];
    let crossings = [0, 2, 4, 6].into_iter().filter(|&k| !ring[k] && (ring[k + 1] || ring[(k + 2) % 8])).count();
    let pairs_before = [1, 3, 5, 7].into_iter().filter(|&k| ring[k] || ring[k - 1]).count();
    let pairs_after = [1, 3, 5, 7].into_iter().filter(|&k| ring[k] || next(k)).count();
    let open = if first {
        !((ring[1] || ring[2] || !ring[7]) && ring[0])
    } else {
        !((ring[5] || ring[6] || !ring[3]) && ring[4])
    };
    crossings == 1 && (2..=3).contains(&pairs_before.min(pairs_after)) && open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: &[&str]) -> (Vec<bool>, [usize; 2]) {
        let mask = rows.iter().flat_map(|row| row.bytes().map(|letter| letter == b'#')).collect();
        (mask, [rows.len(), rows[0].len()])
    }

    /// A bar three pixels wide is its middle line, shorter by one pixel at an end or both; a line stays.
    #[test]
    fn a_bar_is_its_middle() {
        let (bar, size) = drawn(&[".......", ".#####.", ".#####.", ".#####.", "......."]);
        let line = skeleton(&bar, size);
        let on: Vec<usize> = (0..line.len()).filter(|&at| line[at]).collect();
        assert!(on.iter().all(|at| at / 7 == 2) && (2..=4).contains(&on.len()), "{on:?}");
        let (thin, size) = drawn(&[".......", ".#####.", "......."]);
        assert_eq!(skeleton(&thin, size), thin);
    }
}
