//! Steps of descent: parameters side by side, one Adam with visible state, the moving average of weights, and what
//! processes that train one network together tell each other.

pub mod adam;

pub mod ema;

pub mod flat;

pub mod peers;

pub mod team;

pub use adam::{Adam, AdamConfig};
pub use flat::Flat;
pub use peers::{Alone, Peers};
pub use team::{Member, Team};
