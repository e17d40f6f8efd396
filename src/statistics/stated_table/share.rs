//! A number as a table prints it.

use std::str::FromStr;

/// A share, and the decimals with which it was typed.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Within 0..1 where it makes sense.
    pub value: f64,
    /// Decimals behind the point, of a percentage two more.
    pub digits: u32,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(typed: &str) -> std::result::Result<Self, String> {
        let (number, percent) = match typed.strip_suffix('%') {
            Some(number) => (number.trim_end(), true),
            None => (typed, false),
        };
        let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.') && number.len() < 30;
        let value = number.parse::<f64>().ok().filter(|_| plain).ok_or("a share such as .79 or 79% is expected")?;
        let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len() as u32);
        Ok(if percent { Self { value: value / 100.0, digits: decimals + 2 } } else { Self { value, digits: decimals } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_know_their_decimals() {
        let typed = |text: &str| text.parse::<Share>().map(|typed| (typed.value, typed.digits));
        assert_eq!(typed(".79"), Ok((0.79, 2)));
        assert_eq!(typed("0.790"), Ok((0.79, 3)));
        assert_eq!(typed("79%"), Ok((0.79, 2)));
        assert_eq!(typed("79.5 %"), Ok((0.795, 3)));
        assert_eq!(typed("1"), Ok((1.0, 0)));
        for bad in ["", "nan", "inf", "-1", "1e3", ".", "%", "0x1", "1.2.3"] {
            assert!(typed(bad).is_err(), "{bad}");
        }
    }
}
