//! The settings of a study: the stages' own settings, composed.
