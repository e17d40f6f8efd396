//! The shim's `hypot`, which the linker puts in the place of the C library's for the whole program (`shim/hypot.cpp`).

/// Where the shim is not linked so, as on macOS, these are the C library's, and less exact ones do as well.
const OURS: bool = cfg!(target_os = "linux");

#[test]
fn lengths_that_a_person_knows() {
    for (x, y, length) in [(3.0f64, 4.0, 5.0), (-5.0, 12.0, 13.0), (0.0, -0.0, 0.0)] {
        assert_eq!(x.hypot(y), length);
    }
    let large = 2f64.powi(1000);
    assert_eq!((3.0 * large).hypot(4.0 * large), 5.0 * large, "no square overflows");
    assert_eq!(f64::from_bits(3).hypot(f64::from_bits(4)), f64::from_bits(5), "none vanishes");
    assert_eq!(3f32.hypot(4.0), 5.0);
    assert_eq!(f64::INFINITY.hypot(f64::NAN), f64::INFINITY);
    assert_eq!(f64::MAX.hypot(f64::MAX), f64::INFINITY);
    assert!(f64::NAN.hypot(1.0).is_nan());
}

#[test]
fn lengths_are_those_of_decimal_arithmetic_but_for_a_last_place_in_a_thousand() {
    let text = include_str!("../../tests/fixtures/hypot.json");
    let rows: Vec<[f64; 3]> = serde_json::from_str(text).unwrap();
    let mut off = 0;
    for [x, y, length] in &rows {
        let found = std::hint::black_box(*x).hypot(std::hint::black_box(*y));
        let places = found.to_bits().abs_diff(length.to_bits());
        assert!(places <= 1, "{x} {y}: {found} for {length}");
        off += places;
        let single = std::hint::black_box(*x as f32).hypot(std::hint::black_box(*y as f32));
        let exact = f64::from(*x as f32).hypot(f64::from(*y as f32)) as f32;
        assert!(single == exact || single.to_bits().abs_diff(exact.to_bits()) <= 1, "{x} {y}: {single} for {exact}");
    }
    assert!(rows.len() == 480 && (!OURS || off <= 1), "{off} of {} rounded otherwise", rows.len());
}
