//! The arms of the experiment: one training set each, equal fits, lesion scores, intervals.
//!
//! [`material`] lists what there is to train on, [`source`] says where arms take it, [`drawn`] and [`projected`] read
//! and [`made`] makes it, [`proof`] that nothing of the test side is in it; [`arms`] composes a training set,
//! [`sampler`] and [`fit`] train, [`runs`] does so for every arm and repetition, [`fit_files`] keeps what came of it,
//! [`scores`] turns slices into lesions and numbers.
//! [`compare`] gives numbers intervals where one of two classes is of interest, [`by_class`] where there are any
//! number of classes and none is; [`evidence`] puts tests beside them. Test lesions reach [`runs`] only to be scored;
//! the true label reaches only [`compare`] and the oracle arm, a control.

pub mod config;

pub mod arms;

pub mod source;

pub mod training_set;

pub mod material;

pub mod affine;

pub mod augment;

pub mod extras;

mod load;

mod listed;

pub mod drawn;

mod oddities;

pub mod projected;

mod generators;

pub mod labelled;

pub mod sampler;

pub(crate) mod descent;

pub mod fit;

mod start;

pub(crate) mod on_threads;

pub mod rows;

pub mod made;

pub mod proof;

mod chance;

mod notes;

pub mod pool;

pub mod fit_files;

pub mod runs;

pub mod units;

mod weights;

pub mod scores;

pub mod primary;

pub mod test_lesions;

mod label_tables;

pub mod compare;

pub mod evidence;

pub mod by_class;

pub mod external;

pub mod cam;

pub mod stage;

pub use arms::Arm;
pub use config::ClassifyConfig;
pub use stage::{Inputs, run_stage, run_with};
