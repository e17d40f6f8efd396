//! Images of the network's range as pictures.

use crate::raster::{BLACK, Canvas};
use crate::records::label::Contrast;

/// Pixels between two images of a grid.
const GAP: usize = 2;

/// How an image of three channels is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As red, green and blue.
    Colour,
    /// Each channel in grey, side by side.
    Grey,
}

impl Look {
    /// Plain pictures of three channels are photographs; maps of three kinds are not.
    pub fn of(contrasts: &[Contrast]) -> Self {
        let photograph = contrasts.iter().all(|contrast| contrast.unit == "grey level");
        if photograph && (contrasts.len() == 3 || contrasts.is_empty()) { Self::Colour } else { Self::Grey }
    }
}

/// One image \[channels, height, width\] in the network's range.
pub fn canvas(pixels: &[f32], [channels, height, width]: [usize; 3], look: Look) -> Canvas {
    let plane = height * width;
    let planes: Vec<&[f32]> = pixels.chunks_exact(plane).collect();
    let (Look::Colour, &[red, green, blue]) = (look, planes.as_slice()) else {
        let parts: Vec<Canvas> = planes.iter().map(|plane| Canvas::grey(width, plane)).collect();
        return Canvas::tiled(&parts, channels, 0, BLACK);
    };
    let mut colour = Canvas::new(width, height, BLACK);
    for (at, ((&r, &g), &b)) in red.iter().zip(green).zip(blue).enumerate() {
        colour.set(at % width, at / width, [r, g, b].map(|level| crate::raster::grey(level)[0]));
    }
    colour
}

/// Images in a square grid; small ones enlarged.
pub fn grid(cells: &[Canvas]) -> Canvas {
    let columns = (cells.len() as f64).sqrt().ceil() as usize;
    let sheet = Canvas::tiled(cells, columns, GAP, BLACK);
    let largest = cells.iter().map(Canvas::width).max().unwrap_or(0);
    if largest < 128 { sheet.enlarged(2) } else { sheet }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_channel_is_grey_two_lie_side_by_side_three_may_be_colour() {
        let pixels = [-1.0, 1.0, 1.0];
        assert_eq!(canvas(&pixels[..1], [1, 1, 1], Look::Colour).get(0, 0), Some([0; 3]));
        let two = canvas(&pixels[..2], [2, 1, 1], Look::Colour);
        assert_eq!((two.width(), two.get(1, 0)), (2, Some([255; 3])));
        assert_eq!(canvas(&pixels, [3, 1, 1], Look::Colour).get(0, 0), Some([0, 255, 255]));
        assert_eq!(canvas(&pixels, [3, 1, 1], Look::Grey).width(), 3);
    }
}
