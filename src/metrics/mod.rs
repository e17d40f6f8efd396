//! 6. Features or images to numbers with intervals.

pub mod rim_contrast;
