//! 6. Features or images to numbers with intervals.
