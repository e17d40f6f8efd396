//! What a picture shows, in numbers: each factor measured on the picture alone, without a network and without truth.
//!
//! Directions of a latent space are named by the factors that they move, and a simulator is believed where its own
//! factors can be read off its pictures.

mod plain;

mod skin;

pub use plain::Plain;
pub use skin::Skin;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// In files and reports, e.g. "brightness".
    pub name: &'static str,
    /// Of its values; "" where they have none.
    pub unit: &'static str,
}

/// One picture, values \[C, H, W\] from 0 (black) to 1 (white), row by row from the top.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    values: &'a [f32],
    channels: usize,
    height: usize,
    width: usize,
}

impl<'a> Picture<'a> {
    /// A picture of so many values.
    ///
    /// # Panics
    /// Another number of values than the shape says.
    pub fn new(values: &'a [f32], [channels, height, width]: [usize; 3]) -> Self {
        assert_eq!(values.len(), channels * height * width, "values of a picture [{channels}, {height}, {width}]");
        Self { values, channels, height, width }
    }

    /// Channels, height, width.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// One channel \[H, W\].
    pub fn channel(&self, number: usize) -> &'a [f32] {
        let size = self.height * self.width;
        &self.values[number * size..][..size]
    }
}

/// A set of factors that are measured together.
pub trait Meters: Sync {
    /// What [`Meters::measure`] gives, in its order.
    fn factors(&self) -> &'static [Factor];

    /// Whether pictures of this shape \[C, H, W\] can be measured.
    fn takes(&self, shape: [usize; 3]) -> bool;

    /// One finite number a factor.
    fn measure(&self, picture: &Picture<'_>) -> Vec<f64>;
}
