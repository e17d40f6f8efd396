//! What a test set of so many items can show: power of the exact McNemar test, and the smallest gain that it finds.
//!
//! Two models are compared on n positives; the share on which exactly one of them is right is the discordance, the gain
//! the difference of the shares on which only the one and only the other is. Items count as independent: of clustered
//! ones hand in their effective number.

use statrs::distribution::{Binomial, Discrete, DiscreteCDF};

use super::LEVEL;

/// Share of test sets of `n` items in which the exact two-sided McNemar test at 5 % finds a true `gain` at a
/// `discordance`, summed over all numbers of discordant items. Both within 0..1, the gain at most the discordance;
/// `None` otherwise.
pub fn mcnemar_power(n: u64, discordance: f64, gain: f64) -> Option<f64> {
    let valid = (0.0..=1.0).contains(&discordance) && (0.0..=discordance).contains(&gain);
    if !valid || discordance == 0.0 {
        return None;
    }
    let discordant = Binomial::new(discordance, n).ok()?;
    let share = ((1.0 + gain / discordance) / 2.0).min(1.0);
    let mut power = 0.0;
    for count in 1..=n {
        let chance = discordant.pmf(count);
        if chance < 1e-12 {
            continue;
        }
        let null = Binomial::new(0.5, count).ok()?;
        let Some(most) = largest_rejected(&null, count) else { continue };
        let of_gains = Binomial::new(share, count).ok()?;
        // At most `most` of the one kind, or at most `most` of the other.
        let high = if count - most > 0 { 1.0 - of_gains.cdf(count - most - 1) } else { 1.0 };
        power += chance * (of_gains.cdf(most) + high);
    }
    Some(power.min(1.0))
}

/// The largest count of the rarer kind at which 2 P(X <= count) is at most 5 %.
fn largest_rejected(null: &Binomial, count: u64) -> Option<u64> {
    let rejected = |rarer: u64| 2.0 * null.cdf(rarer) <= (1.0 - LEVEL) * (1.0 + 1e-9);
    if !rejected(0) {
        return None;
    }
    let (mut low, mut high) = (0, count / 2 + 1);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if rejected(middle) { low = middle } else { high = middle }
    }
    Some(low)
}

/// The smallest gain that [`mcnemar_power`] finds with at least `power`, to a thousandth; `None` where not even one of
/// the whole discordance is found.
pub fn detectable_gain(n: u64, discordance: f64, power: f64) -> Option<f64> {
    let found = |gain: f64| mcnemar_power(n, discordance, gain).is_some_and(|share| share >= power);
    if !found(discordance) {
        return None;
    }
    let (mut low, mut high) = (0.0, discordance);
    while high - low > 5e-4 {
        let middle = (low + high) / 2.0;
        if found(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// Items from which on a `gain` at a `discordance` is found with `power`, by the normal approximation of Connor
/// (Biometrics 43:207, 1987): (z of .975 x sqrt(discordance) + z of power x sqrt(discordance - gain^2))^2 / gain^2.
/// `None` unless 0 < gain <= discordance <= 1 and `power` is above .5 and below 1.
pub fn items_needed(discordance: f64, gain: f64, power: f64) -> Option<f64> {
    let valid = gain > 0.0 && gain <= discordance && discordance <= 1.0 && power > 0.5 && power < 1.0;
    let z = super::normal_quantile;
    let root = z(LEVEL) * discordance.sqrt() + z(2.0 * power - 1.0) * (discordance - gain * gain).max(0.0).sqrt();
    valid.then(|| (root / gain).powi(2))
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    /// Six items that all differ and all for the one: p = 2 / 2^6 = .031, so every such set rejects; five never can
    /// (2 / 2^5 = .0625). At a discordance of one half, six of six differ in 1 of 64 sets.
    #[test]
    fn six_items_by_hand() {
        assert_eq!(mcnemar_power(6, 1.0, 1.0), Some(1.0));
        assert_eq!(mcnemar_power(5, 1.0, 1.0), Some(0.0));
        assert_abs_diff_eq!(mcnemar_power(6, 0.5, 0.5).unwrap(), 1.0 / 64.0, epsilon = 1e-12);
        assert_eq!(mcnemar_power(6, 0.2, 0.3), None);
        assert_eq!(mcnemar_power(0, 0.2, 0.1), Some(0.0));
        assert_eq!(detectable_gain(5, 1.0, 0.8), None);
        assert_eq!(mcnemar_power(9, f64::NAN, 0.1), None);
    }

    /// The paper's .85 against .95 with a discordance of .16: 123 rims by the approximation; its 60 rims find that in
    /// less than half of cases.
    #[test]
    fn sixty_rims_are_too_few_for_ten_points() {
        assert_abs_diff_eq!(items_needed(0.16, 0.10, 0.8).unwrap(), 123.2, epsilon = 0.1);
        assert!(mcnemar_power(60, 0.16, 0.10).unwrap() < 0.5);
        let exact = mcnemar_power(135, 0.16, 0.10).unwrap();
        assert!((0.78..0.84).contains(&exact), "{exact}");
        let least = detectable_gain(135, 0.16, exact).unwrap();
        assert_abs_diff_eq!(least, 0.10, epsilon = 1e-3);
        assert_eq!(items_needed(0.1, 0.0, 0.8), None);
    }

    /// Summed over all outcomes with scipy.stats.binom and binomtest.
    #[test]
    fn matches_scipy() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/comparisons.json")).unwrap();
        let cases = reference["mcnemar_power"].as_array().unwrap();
        assert!(cases.len() >= 3);
        for case in cases {
            let number = |key: &str| case[key].as_f64().unwrap();
            let ours = mcnemar_power(number("n") as u64, number("discordance"), number("gain")).unwrap();
            assert_abs_diff_eq!(ours, number("power"), epsilon = 1e-9);
        }
    }
}
