//! What a header says that its numbers are (`intent_code`).
//!
//! Source of the codes: nifti1.h, <https://nifti.nimh.nih.gov/nifti-1>; those of FSL (2006 to 2018) and of CIFTI (3000
//! to 3099) are in FSL's niftiio and in the CIFTI-2 standard.

/// What the numbers of a volume are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// An image, an estimate, or nothing that is known.
    Image,
    /// Each number is a label.
    Labels,
    /// A statistic; what it is called.
    Statistic(&'static str),
    /// No number per voxel that could be an image: a vector, a matrix, coordinates, coefficients; what it is called.
    Other(&'static str),
}

/// Codes 2 to 24, in this order.
const STATISTICS: [&str; 23] = [
    "correlation coefficients",
    "t statistics",
    "F statistics",
    "z-scores",
    "chi-squared statistics",
    "beta-distributed values",
    "binomial values",
    "gamma-distributed values",
    "Poisson-distributed values",
    "normally distributed values",
    "noncentral F statistics",
    "noncentral chi-squared statistics",
    "logistic values",
    "Laplace-distributed values",
    "uniformly distributed values",
    "noncentral t statistics",
    "Weibull-distributed values",
    "chi-distributed values",
    "inverse Gaussian values",
    "extreme values",
    "p-values",
    "logarithms of p-values",
    "decimal logarithms of p-values",
];

impl Intent {
    /// Of a code; a code that is not known says nothing.
    pub fn of(code: i32) -> Self {
        if let Some(statistic) = usize::try_from(code - 2).ok().and_then(|at| STATISTICS.get(at)) {
            return Self::Statistic(statistic);
        }
        match code {
            1002 | 1003 => Self::Labels,
            1004 => Self::Other("matrices"),
            1005 => Self::Other("symmetric matrices (tensors)"),
            1006 => Self::Other("displacements"),
            1007 => Self::Other("vectors"),
            1008 => Self::Other("points in space"),
            1009 => Self::Other("triangles of a surface"),
            1010 => Self::Other("quaternions"),
            2002 => Self::Other("numbers of a surface's nodes"),
            2003 | 2004 => Self::Other("colours"),
            2005 => Self::Other("shapes of a surface"),
            2006 => Self::Other("displacements (FNIRT)"),
            2007..=2009 => Self::Other("coefficients of a warp (FNIRT)"),
            2016 | 2017 => Self::Other("coefficients of a field (TOPUP)"),
            2018 => Self::Other("a field in Hz (TOPUP)"),
            3000..=3099 => Self::Other("values of a CIFTI file"),
            _ => Self::Image,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_standard_by_hand() {
        assert_eq!([0, 1, 25, 1001, 1011, 2001, -3, 9999].map(Intent::of), [Intent::Image; 8]);
        assert_eq!([1002, 1003].map(Intent::of), [Intent::Labels; 2]);
        for (code, name) in [(2, "correlation"), (3, "t stat"), (5, "z-"), (22, "p-"), (24, "decimal")] {
            assert!(matches!(Intent::of(code), Intent::Statistic(says) if says.starts_with(name)), "{code}");
        }
        for (code, name) in [(1005, "symmetric"), (1007, "vectors"), (1010, "quaternions"), (2003, "colours")] {
            assert!(matches!(Intent::of(code), Intent::Other(says) if says.starts_with(name)), "{code}");
        }
    }
}
