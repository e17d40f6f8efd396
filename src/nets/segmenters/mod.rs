//! Networks that say of each pixel whether it belongs to what is looked for, and what they are trained with.

mod loss;

pub mod unet;

pub use loss::{cross_entropy, dice_loss};
pub use unet::{UNet, UNetConfig};
