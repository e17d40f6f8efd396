//! A picture of either kind that is read, told by its name: PNG or JPEG.

use super::image_files::is_jpeg;
use super::jpeg_image;
use super::png_image::{self, Form, PngImage};

/// What the picture called `name` is, from its header alone.
///
/// # Errors
/// In words; see [`Form::read`] and [`jpeg_image::form`].
pub(super) fn form(name: &str, bytes: &[u8], max_pixels: u64) -> Result<Form, String> {
    if is_jpeg(name) { jpeg_image::form(bytes, max_pixels) } else { Form::read(bytes, max_pixels) }
}

/// Its levels.
///
/// # Errors
/// In words; see [`png_image::decode`] and [`jpeg_image::decode`].
pub(super) fn decode(name: &str, bytes: &[u8], max_pixels: u64) -> Result<PngImage, String> {
    if is_jpeg(name) { jpeg_image::decode(bytes, max_pixels) } else { png_image::decode(bytes, max_pixels) }
}

/// What it should be, for errors.
pub(super) fn expected(name: &str) -> &'static str {
    if is_jpeg(name) { "a whole 8 bit gray or RGB JPEG" } else { "a whole 8 or 16 bit gray or RGB PNG" }
}

/// What its file is called.
pub(super) fn words(name: &str) -> &'static str {
    if is_jpeg(name) { "a JPEG" } else { "a PNG" }
}
