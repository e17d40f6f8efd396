//! 7. The arms, the fit, the scores.
