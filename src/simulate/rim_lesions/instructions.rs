//! Which instructions of this machine the simulation's Fourier transforms use; their last bits depend on it.

/// As rustfft's planner chooses.
#[cfg(target_arch = "x86_64")]
pub(super) fn instructions() -> &'static str {
    use std::arch::is_x86_feature_detected as has;
    if has!("avx") && has!("fma") {
        "avx, fma"
    } else if has!("sse4.1") {
        "sse4.1"
    } else {
        "plain"
    }
}

/// As rustfft's planner chooses.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn instructions() -> &'static str {
    std::env::consts::ARCH
}
