//! Networks that say of each pixel whether it belongs to what is looked for, or to which of several labels, and
//! what they are trained with.

mod loss;

pub mod unet;

pub use loss::{cross_entropy, dice_loss, label_cross_entropy, label_dice_loss};
pub use unet::{UNet, UNetConfig};
