//! Parts of a stage that are made apart from it: by other processes, on other machines, in any order and number.
//!
//! A unit is a part whose result depends on nothing but the stage's key and its own name: images that are projected
//! together, one fit of a classifier. A process makes a [`Share`] of a stage's units and leaves one file for each
//! ([`bundle`]). Whoever does the stage as a whole takes in what is [`Ready`] and makes, or names, what is missing.
//!
//! Nothing here takes a lock: which units are whose follows from numbers alone, a file appears under its name only when
//! it is whole, and a unit that is made twice is the same twice. So it does not matter whether the file system has
//! locks (NFS without lockd, Lustre without `-o flock`), nor who was first.

mod bundle;

mod part;

mod ready;

mod share;

mod shelf;

mod workplace;

pub use part::Part;
pub use ready::{Ready, Taken};
pub use share::{Share, Unit};
pub use shelf::{OWNER, Shelf};
pub use workplace::Workplace;
