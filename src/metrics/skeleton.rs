//! The centreline of a flat mask: what is left of it one pixel wide.

/// Thins a mask `[height, width]` by Zhang and Suen (1984, Commun ACM 27:236): borders are taken off, first from the
/// south-east and then from the north-west, as long as that neither breaks a line nor shortens its end. Beyond the
/// edge of the image nothing is. Agrees pixel by pixel with scikit-image's `skeletonize`.
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

/// Whether a pixel is taken off in the first or in the second half of a round.
fn is_border(on: &[bool], at: usize, stride: usize, first: bool) -> bool {
    // P2..P9 of the paper: from the north clockwise.
    let [n, ne, e, se, s, sw, w, nw] =
        [at - stride, at - stride + 1, at + 1, at + stride + 1, at + stride, at + stride - 1, at - 1, at - stride - 1]
            .map(|place| on[place]);
    let ring = [n, ne, e, se, s, sw, w, nw];
    let neighbours = ring.iter().filter(|neighbour| **neighbour).count();
    let rises = (0..8).filter(|&k| !ring[k] && ring[(k + 1) % 8]).count();
    let open = if first { !(n && e && s) && !(e && s && w) } else { !(n && e && w) && !(n && s && w) };
    (2..=6).contains(&neighbours) && rises == 1 && open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: &[&str]) -> (Vec<bool>, [usize; 2]) {
        let mask = rows.iter().flat_map(|row| row.bytes().map(|letter| letter == b'#')).collect();
        (mask, [rows.len(), rows[0].len()])
    }

    /// A bar three pixels wide is its middle line, shorter by one pixel at either end; a line stays.
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
