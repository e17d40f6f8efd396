//! 0. A simulated cohort with known truth, written as BIDS.
