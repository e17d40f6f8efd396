//! What the contrasts of a cohort measure, by name. What follows from it is said where it is used: in `bids` the files
//! and units of each, in `channel` the way to physical units, in `intensity` the windows.

use crate::records::label::is_susceptibility;

/// What a contrast's values mean, and so how they are brought into physical units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A physical quantity, ppb; BIDS stores ppm.
    Susceptibility,
    /// What people traced: a probability, 0 where nothing was traced, also beyond the volume's border.
    Traced,
    /// A weighted image without a unit: multiples of the foreground's median.
    Weighted,
}

impl Measure {
    /// Of the contrast of a name: "chimap" or another name of susceptibility, "rim", or another BIDS suffix in lower
    /// case.
    pub fn of(contrast: &str) -> Self {
        match contrast {
            name if is_susceptibility(name) => Self::Susceptibility,
            "rim" => Self::Traced,
            _ => Self::Weighted,
        }
    }

    /// Unit of the values once they are physical.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Susceptibility => "ppb",
            Self::Traced => "probability",
            Self::Weighted => "x foreground median",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_units_by_hand() {
        let units = ["chimap", "qsm", "rim", "flair", "t1w"].map(|name| Measure::of(name).unit());
        assert_eq!(units, ["ppb", "ppb", "probability", "x foreground median", "x foreground median"]);
    }
}
